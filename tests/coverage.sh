#!/bin/sh
# Measures which lines of src/stackenv the tests run, also in the processes that they start. This is not part of
# tests/run.sh because it takes longer, and because tests of what a start costs, opens or imports can fail while it
# is measured: their result does not count here.
#
#   sh tests/coverage.sh                     the tests of the normal run
#   sh tests/coverage.sh ARGUMENT...         only these tests: the arguments are pytest's
#   sh tests/coverage.sh --report            print the last result again
#
# Fails if the coverage is below `fail_under` of .coveragerc. Programs that only other Pythons run are not measured:
# modulefiles/libexec, and those that .coveragerc names.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/prepare.sh
. tests/prepare.sh
folder=$PWD/.work/coverage
bin=$PWD/.work/venv/bin
PATH=$bin:$PATH
export PATH

report() {
    export PYTHONPATH="$folder/lib"
    python -m coverage json --quiet --fail-under 0 --rcfile .coveragerc --data-file "$folder/data/coverage" \
        -o "$folder/coverage.json"
    python tests/measuring/report.py "$folder/coverage.json"
    # The script ends with the status of this command.
    python -m coverage report --rcfile .coveragerc --data-file "$folder/data/coverage" --format total
}

# From here on the Pythons of the tests and of EasyBuild measure every process. The three have the same version, and
# so can share one coverage.
start_measuring() {
    for environment in venv eb4 eb5; do
        for packages in .work/"$environment"/lib/*/site-packages; do
            printf 'import sys; sys.path[:0] = %s; import measured_process; del sys.path[:2]\n' \
                "['$folder/lib', '$PWD/tests/measuring']" >"$packages/measured.pth"
        done
    done
}

stop_measuring() {
    rm -f .work/venv/lib/*/site-packages/measured.pth .work/eb[45]/lib/*/site-packages/measured.pth
}

if [ "${1-}" = --report ]; then
    report
    exit
fi
prepare_all
version=7.17.5
prepare_once "$folder/lib/.stamp" "$prepare_python_identity $version" 'installing coverage into .work/coverage' \
    python -m pip install --quiet --upgrade --target "$folder/lib" "coverage==$version"
rm -rf "$folder/data"
# Some tests run the command as another user.
mkdir -m 1777 "$folder/data"
trap stop_measuring EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
start_measuring
[ "$#" -gt 0 ] || set -- -n "$(($(nproc) + 2))" --dist loadfile --no-loadscope-reorder
status=0
python -m pytest -m 'not matrix' "$@" || status=$?
# 1: some tests failed. More: pytest was interrupted, or found no test.
[ "$status" -le 1 ] || exit "$status"
stop_measuring
export PYTHONPATH="$folder/lib"
# With --source, files that no process imports count too.
python -m coverage run --rcfile .coveragerc --data-file "$folder/data/coverage" --source src/stackenv \
    src/stackenv/__init__.py
python -m coverage combine --quiet --rcfile .coveragerc --data-file "$folder/data/coverage"
report
