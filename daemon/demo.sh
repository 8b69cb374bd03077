#!/bin/sh
# The demonstration on a fresh Debian 12 machine: sh daemon/demo.sh [options of `ladderd demo`]
# Installs what is missing, builds build/ladderd, and runs it. Needs root or sudo only to install.
set -eu
cd "$(dirname "$0")/.."

echo "demo: looking for missing packages"
sh tests/tools/install.sh demo
echo "demo: building build/ladderd"
cmake -S . -B build >/dev/null
cmake --build build --target ladderd -j "$(nproc)" >/dev/null
echo "demo: running build/ladderd demo $*"
exec build/ladderd demo "$@"
