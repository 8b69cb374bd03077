#!/bin/sh
# Installs the Debian packages that are missing: sh tests/tools/install.sh [SET...]
# The sets stand in config/debian-packages.txt; without one, all but bench. Asks nothing, can be run
# again, and uses neither the network nor root's rights where nothing is missing.
set -eu
list=$(dirname "$0")/../../config/debian-packages.txt
sets=" ${*:-demo test page broker} "

is_there() { # package command
	if [ "$2" != - ] && command -v "$2" >/dev/null 2>&1; then
		return 0
	fi
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		echo "install: run this as root, or install sudo" >&2
		exit 77
	fi
}

missing=
while read -r package set command; do
	case $package in '' | '#'*) continue ;; esac
	case $sets in *" $set "*) ;; *) continue ;; esac
	is_there "$package" "$command" || missing="$missing $package"
done <"$list"

if [ -z "$missing" ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "install: this is no Debian; going on without these, or what they are called here:$missing" >&2
	exit 0
fi
echo "install: installing$missing"
as_root apt-get -q update || echo "install: no new package lists; trying with those that are here" >&2
# $missing is a list of words.
as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
