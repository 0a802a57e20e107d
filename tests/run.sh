#!/bin/sh
# All checks: lint, types, formatting, and the tests. Sets up all that it needs in the ignored folder .work;
# a second run installs nothing.
#
#   sh tests/run.sh [ARGUMENT...]             what a change must pass
#   sh tests/run.sh --quick [ARGUMENT...]     lint, types, and the tests that need only the package
#   sh tests/run.sh --matrix [ARGUMENT...]    the tests that the normal run leaves out: more combinations of
#                                             parameters
#   sh tests/run.sh --all [ARGUMENT...]       all tests
#
# With --matrix and --all, homes are on the disk, each command is started as a process of its own, and pip is
# installed into each environment by ensurepip.
# Arguments are passed to pytest. tests/tiers.py says which test belongs to which run.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/prepare.sh
. tests/prepare.sh
case "${1-}" in
--quick | --matrix | --all)
    tier=${1#--}
    shift
    ;;
*) tier=normal ;;
esac
case "$tier" in
quick)
    prepare_quick
    set -- -m 'quick and not matrix' tests/configuration tests/pure "$@"
    ;;
normal)
    prepare_all
    set -- -m 'not matrix' "$@"
    ;;
*)
    prepare_all
    export STACKENV_TEST_AS_USERS=1
    [ "$tier" = all ] || set -- -m "$tier" "$@"
    ;;
esac
# Tests make and delete homes with thousands of small files. The shorter runs have them in memory, if there is room
# for them (some 5 GB with four workers) and for the processes, and if programs can be run there.
has_kilobytes() {
    [ "${2:-0}" -gt "$1" ]
}
in_memory() {
    has_kilobytes 8388608 "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $4}')" || return 1
    has_kilobytes 12582912 "$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)" || return 1
    memory_probe=$(mktemp /dev/shm/stackenv-XXXXXX) && printf '#!/bin/sh\n' >"$memory_probe" || return 1
    chmod +x "$memory_probe" && "$memory_probe" 2>/dev/null && memory_runs=0 || memory_runs=1
    rm -f "$memory_probe"
    return "$memory_runs"
}
if [ -z "${STACKENV_TEST_AS_USERS-}${PYTEST_DEBUG_TEMPROOT-}" ] && in_memory; then
    export PYTEST_DEBUG_TEMPROOT=/dev/shm
fi
# A killed run of tests/coverage.sh leaves these, and then every process would be measured.
rm -f .work/venv/lib/*/site-packages/measured.pth .work/eb[45]/lib/*/site-packages/measured.pth
bin=$PWD/.work/venv/bin
PATH=$bin:$PATH
export PATH
sh tests/lint.sh
# Two more workers than processors, because tests of Slurm, terminals and kernels wait half of their time.
[ "$tier" = quick ] && workers=$(nproc) || workers=$(($(nproc) + 2))
exec "$bin/python" -m pytest -n "$workers" --dist loadfile --no-loadscope-reorder "$@"
