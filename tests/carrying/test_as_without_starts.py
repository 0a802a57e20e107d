"""A Python that carries its stack reads its command line and its input as one that does not."""

from __future__ import annotations

import sys

import pytest
from needy_stack import KINDS
from observing import Bare

OPTIONS = (
    *("-B -OO -s -u -q", "-b -d -R -X tracemalloc=3", "-W error", "-W ignore::DeprecationWarning -Wonce -bb"),
    *("-X utf8 -X int_max_str_digits=0", "-X utf8=0 -X frozen_modules=off", "-X dev -X faulthandler"),
    *(
        "--check-hash-based-pycs always",
        "-X frozen_modules=on -X pycache_prefix=/dev/null/none",
        "-X no_such",
    ),
    *(["-P"] if sys.version_info >= (3, 11) else []),
)
# Ways to specify the code, and where it comes from.
CODE = {
    "file": 'exec "$python" observe.py read one',
    "input": 'exec "$python" <observe.py',
    "dash": 'exec "$python" - read <observe.py',
    "pipe": 'cat observe.py | { exec "$python" /dev/stdin read "two words"; }',
    "command": 'exec "$python" -c "$(cat observe.py)" read "two words"',
    "module": 'exec "$python" -m observe read',
    "module of a folder": 'exec "$python" -m folder',
    "folder": 'exec "$python" folder read',
    "first line skipped": 'exec "$python" -x not_python.py read',
    "first line": "exec ./plain read one",
    "first line with env": 'PATH="$prefix/bin:$PATH"; exec ./by_env read',
    "linked script": "exec ./linked_script read",
}
# No code runs.
NO_CODE = {
    "not there": 'exec "$python" not_there.py',
    "no such option": 'exec "$python" --no-such-option',
    "version": 'exec "$python" -VV',
    "help": 'exec "$python" -h',
    "syntax": "exec \"$python\" -c 'this is no Python'",
}
GONE = 'mkdir "$OBSERVED.gone"; cd "$OBSERVED.gone"; rmdir "$PWD";'
# The name that Python is started by; sys.executable follows from it.
NAMES = {
    "path": 'PATH="$prefix/bin:$PATH"; exec python3 observe.py',
    "relative": 'cd "$prefix/lib"; exec ../bin/python "$HOME/observe.py"',
    "with dots": 'exec "$prefix/lib/../bin/python" observe.py',
    "the name of another": 'PATH="$prefix/bin:$PATH"; exec -a python "$python" observe.py',
    "the path of another file of it": 'exec -a "$prefix/bin/python3" "$python" observe.py',
    "folder gone": f'{GONE} exec "$python" "$HOME/observe.py"',
    "folder gone, by path": f'{GONE} PATH="$prefix/bin" exec python3 "$HOME/observe.py"',
}
# With these names Python itself does not recognize its environment, and finds none of its packages.
NOT_ITS_NAMES = {
    "a link elsewhere": "exec ./linked_python observe.py",
    "no path": 'exec -a nonsense "$python" observe.py',
    "empty": 'exec -a "" "$python" observe.py',
    "by the loader": 'exec "$(echo /lib64/ld-linux-*.so.2)" "$python" observe.py',
}
ARGUMENTS = {
    "empty": "observe.py '' '' 'one' ''",
    "no UTF-8": "observe.py $'\\xff\\xfe' $'\\303' $'line\\nline' '*' '$HOME' $'\\t'",
    "five thousand": "observe.py $(seq 5000)",
    "long": "observe.py $(printf '%0120000d' 0)",
    "like options": "observe.py -- -c -m --help -",
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options_work_as_without_the_stack(bare: Bare, options: str) -> None:
    bare.compare(f'exec "$python" {options} observe.py')


@pytest.mark.parametrize(
    "start", ['"$python" -E observe.py', '"$python" -I observe.py', "./with_options one"]
)
def test_options_that_ignore_pythonpath_hide_the_stacks_packages(bare: Bare, start: str) -> None:
    bare.compare(f"exec {start}", brings=False)


def test_python_without_site_does_not_load_the_stack(bare: Bare) -> None:
    for kind in KINDS:
        report = bare.observe('exec "$python" -S observe.py', kind, carries=True).report
        assert (report["needle"], report["restarted"]) == (None, False)


@pytest.mark.parametrize("code", CODE)
def test_code_from_any_source_runs_as_without_the_stack(bare: Bare, code: str) -> None:
    found = bare.compare(CODE[code])
    if "read" in CODE[code]:
        expected = "" if "<" in CODE[code] or code == "pipe" else "a line\nanother\n"
        assert found.report["stdin"] == expected


@pytest.mark.parametrize("code", NO_CODE)
def test_a_start_that_runs_no_code_behaves_as_without_the_stack(bare: Bare, code: str) -> None:
    bare.compare(NO_CODE[code], reports=False)


@pytest.mark.parametrize("name", NAMES)
def test_python_started_by_any_name_behaves_as_without_the_stack(bare: Bare, name: str) -> None:
    bare.compare(NAMES[name])


@pytest.mark.parametrize("name", NOT_ITS_NAMES)
def test_python_started_by_an_unrecognized_name_is_not_restarted(bare: Bare, name: str) -> None:
    for kind in KINDS:
        without, found = (bare.observe(NOT_ITS_NAMES[name], kind, carries) for carries in (False, True))
        assert (found.report["restarted"], found.stderr) == (False, b"")
        assert found.report["executable"] == without.report["executable"]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_arguments_arrive_as_without_the_stack(bare: Bare, arguments: str) -> None:
    bare.compare(f'exec "$python" {ARGUMENTS[arguments]}')
