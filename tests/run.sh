#!/bin/sh
# All checks: lint, types, formatting, and the tests of every tier. Does all its own set-up, in the
# ignored folder .work; a second run installs nothing. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/prepare.sh
. tests/prepare.sh
prepare_system
prepare_python_environments venv eb4 eb5
prepare_distribution
prepare_stack
prepare_jupyter
bin=$PWD/.work/venv/bin
PATH=$bin:$PATH
export PATH
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
find tests .ci -name '*.sh' -exec shellcheck --shell=sh --external-sources {} +
shellcheck --shell=sh .ci/run
shellcheck --shell=bash --exclude=SC2016 tests/demo/*.bash
exec "$bin/python" -m pytest -n auto --dist loadfile "$@"
