#!/bin/sh
# Lint, types and formatting: the first part of tests/run.sh, also run by pre-commit and the public workflow.
#
#   sh tests/lint.sh          after `sh tests/prepare.sh quick`
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.work/venv/bin:$PATH
export PATH
# Each line is a check; mypy, which takes longest, is first. The words to avoid are patterns of Perl, a line each: how a translation
# from German sounds.
xargs -d '\n' -P "$(nproc)" -I CHECK sh -c CHECK <<'CHECKS'
mypy
ruff check .
ruff format --check .
find tests .ci docs -name "*.sh" -exec shellcheck --shell=sh --external-sources {} +
codespell .
! grep -rnIP --exclude-dir=__pycache__ -e "$(paste -sd '|' tests/words_to_avoid.txt)" bin docs easyconfigs hooks modulefiles site-config src/stackenv *.md
luacheck --no-color --quiet modulefiles/lua
shellcheck --shell=sh .ci/run
shellcheck --shell=bash --exclude=SC2016 tests/demo/*.bash
CHECKS
