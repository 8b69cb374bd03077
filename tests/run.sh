#!/bin/sh
# Every test, on a fresh Debian 12 machine: sh tests/run.sh. See usage below.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

usage() {
	cat <<'END'
usage: sh tests/run.sh [--quick | --long] [NAME...]
  Installs what is missing (as root or with sudo), builds, and runs every test:
    gcc    build/       all tests, warnings are errors
    asan   build-asan/  clang, address and undefined behaviour sanitizers: the unit tests, 20 seeds, and
                        what is labelled `sanitize`
    tsan   build-tsan/  clang, thread sanitizer: the threaded tests, 5 seeds
    fuzz   build-fuzz/  each fuzzer for 30 s
  --quick   only gcc
  --long    LADDER_LONG=1: what takes too long for every day: hours, see below
  NAME...   only the tests whose name matches one of these (ctest -R), only gcc
  The last line says how many passed, failed and were skipped. Exit code 1 if any failed.
  Environment: LADDER_SEEDS of the property test, in every stage; LADDER_FUZZ_SECONDS (30); JOBS (all
  processors); LADDER_KAFKA_LIBS (build/kafka-libs), the broker's jars; LADDER_KEEP=1 keeps what a test's
  servers wrote.
  The long form of each test, beside what --long changes in every other one. The variable chooses another
  number. With a NAME only that one runs, as in sh tests/run.sh --long crash_points.
    test                      short                 long                     variable
    kills                     10 kills              500                      LADDER_KILLS
    redis_losses              each loss once        50 times                 LADDER_ROUNDS
    instances                 3 rounds              84, of 6 moves each      LADDER_ROUNDS
    sentinel                  one failover          and 50 swaps             LADDER_ROUNDS
    slow_redis                840,000 events        4,000,000, 640 MiB       LADDER_EVENTS
    crash_points              35 places, once each  20 times, random passes  LADDER_ROUNDS, LADDER_SEED
    failing_calls             200 cases             all, about 14,000        LADDER_CASES, LADDER_SEED
    failing_run               4 calls, 3            19 calls, 100            LADDER_ROUNDS, LADDER_SEED
                              allocations           allocations
    daemon/test_kafka_faults  36 faulty answers     all 69                   -
    sim/simulate_1, _2        1,000 seeds each      100,000 each             LADDER_SIM_SEEDS
    sim/simulate_shuffle      300 seeds             30,000                   LADDER_SIM_SHUFFLE_SEEDS
    sim/simulate_homes        100 seeds             10,000                   LADDER_SIM_HOMES_SEEDS
    sim/simulate_gaps         150 seeds             20,000                   LADDER_SIM_GAPS_SEEDS
    sim/simulate_cluster      150 seeds             20,000                   LADDER_SIM_CLUSTER_SEEDS
    sim/*                     1 process each        one for each processor   LADDER_SIM_JOBS
    oracle/property           100 seeds             2,000                    LADDER_SEEDS
    long/alert_scenarios      a few scenarios       all                      -
    long/soak                 3 minutes             2 h                      LADDER_SOAK_MINUTES
    fuzz/*                    30 s each             1 hour                   LADDER_FUZZ_SECONDS
  What the long forms showed last is in tests/RESULTS.md.
END
}

quick=
names=
is_long=
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h) usage; exit 0 ;;
	--quick) quick=1 ;;
	--long) is_long=1 ;;
	-*) usage >&2; exit 2 ;;
	*) names="$names${names:+|}$1"; quick=1 ;;
	esac
	shift
done

jobs=${JOBS:-$(nproc)}
begin=$(date +%s)
stages=
export LADDER_KAFKA_LIBS="${LADDER_KAFKA_LIBS:-$root/build/kafka-libs}"
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:second_deadlock_stack=1
export PATH="$PATH:/usr/lib/llvm-14/bin" # llvm-symbolizer: names the lines in the sanitizers' reports
seeds=${LADDER_SEEDS:-}
every_seeds=100
if [ -n "$is_long" ]; then
	export LADDER_LONG=1
	export LADDER_SIM_JOBS="${LADDER_SIM_JOBS:-$jobs}"
	export LADDER_SIM_SEEDS="${LADDER_SIM_SEEDS:-100000}"
	export LADDER_SIM_SHUFFLE_SEEDS="${LADDER_SIM_SHUFFLE_SEEDS:-30000}"
	export LADDER_SIM_HOMES_SEEDS="${LADDER_SIM_HOMES_SEEDS:-10000}"
	export LADDER_SIM_GAPS_SEEDS="${LADDER_SIM_GAPS_SEEDS:-20000}"
	export LADDER_SIM_CLUSTER_SEEDS="${LADDER_SIM_CLUSTER_SEEDS:-20000}"
	export LADDER_FUZZ_SECONDS="${LADDER_FUZZ_SECONDS:-3600}"
	export LADDER_SOAK_MINUTES="${LADDER_SOAK_MINUTES:-120}"
	every_seeds=2000
fi

header() {
	printf '\n==== %s (%d s)\n' "$*" $(($(date +%s) - begin))
}

# The sanitizers want their addresses where a random layout may have put something else.
fixed_layout() {
	if setarch "$(uname -m)" -R true 2>/dev/null; then
		setarch "$(uname -m)" -R "$@"
	else
		"$@"
	fi
}

# stage NAME TREE COMPILER TARGET "CMAKE OPTIONS" CTEST OPTIONS...
# A failure is remembered by what the stage leaves behind: see tests/tools/summary.py.
stage() {
	name=$1 tree=$2 compiler=$3 target=$4 options=$5
	shift 5
	report=$root/$tree/junit.xml
	stages="$stages $name=$report"
	rm -f "$report"
	header "$name: building $tree with $compiler"
	# $options is a list of words.
	CC=$compiler cmake -S . -B "$tree" -DLADDER_WERROR=ON -DLADDER_LONG="${is_long:-0}" \
		$options >/dev/null || return 0
	cmake --build "$tree" -j "$jobs" --target "$target" || return 0
	header "$name: testing"
	fixed_layout ctest --test-dir "$tree" -j $((3 * jobs)) --output-on-failure --output-junit "$report" \
		--test-output-size-passed 100000 "$@" || return 0
}

header "looking for missing packages"
sh tests/tools/install.sh

export LADDER_SEEDS="${seeds:-$every_seeds}"
if [ -n "$names" ]; then
	stage gcc build gcc all "" -R "$names"
else
	stage gcc build gcc all ""
fi
if [ -z "$quick" ]; then
	LADDER_SEEDS=${seeds:-20}
	stage asan build-asan clang-14 all -DLADDER_SANITIZE=address,undefined -L '^(unit|sanitize)$'
	LADDER_SEEDS=${seeds:-5}
	stage tsan build-tsan clang-14 threaded -DLADDER_SANITIZE=thread -L '^threads$'
	stage fuzz build-fuzz clang-14 fuzzers \
		'-DLADDER_SANITIZE=address,undefined -DLADDER_FUZZ=ON' -L '^fuzz$'
fi

header "all stages"
# $stages is a list of words.
exec python3 tests/tools/summary.py $stages
