"""Child processes of a Python that carries its stack, and other programs that use or embed this Python."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from needy_stack import KINDS, PYTHON_FOLDER
from observing import Bare
from programs import Carrier, have_or_skip

# Each child reports whether it finds the package, and its variables.
CHILDREN = '''\
import concurrent.futures, json, multiprocessing, os, subprocess, sys

def look(number):
    import needle
    return [number, needle.find(), sorted(os.environ.items())]

def start_below(number):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(look, [number])[0]

def in_subinterpreter(number):
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    reads, writes = os.pipe()
    code = """
import importlib.util, json, os
found = ["sub", bool(importlib.util.find_spec("needle")), sorted(os.environ.items())]
os.write(%d, json.dumps(found).encode())
os.close(%d)
""" % (writes, writes)
    interpreters.run_string(interpreters.create(), code)
    with os.fdopen(reads) as stream:
        return json.load(stream)

def fork(call):
    reads, writes = os.pipe()
    process = os.fork()
    if not process:
        os.write(writes, json.dumps(call("fork")).encode())
        os._exit(0)
    os.close(writes)
    os.waitpid(process, 0)
    with os.fdopen(reads) as stream:
        return json.load(stream)

if __name__ == "__main__":
    found = {"self": look(0), "fork": fork(look)}
    for way in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(way)
        with context.Pool(2) as pool:
            found[way] = pool.map(look, [1, 2])[1]
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            found[way + " pool"] = pool.submit(start_below, 3).result()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found["thread"] = pool.submit(look, 4).result()
        found["subinterpreter of a thread"] = pool.submit(in_subinterpreter, 0).result()
    found["subinterpreter"] = in_subinterpreter(0)
    found["subinterpreter of a fork"] = fork(in_subinterpreter)
    code = "import children, json; print(json.dumps(children.look(5)))"
    found["command"] = json.loads(subprocess.check_output([sys.executable, "-c", code]))
    print(json.dumps(found))
'''
# Run by a Python that did not start as the environment's: whether it was restarted, and what it finds.
GOES_ON = """\
import os, sys
before = object()
kept = id(before), os.getpid()
{enter}
has_packages = any("/Needle/" in entry for entry in sys.path)
print((id(before), os.getpid()) == kept, has_packages, "STACKENV" in str(os.environb))
import needle
print(needle.find())
"""
AGAIN = """\
import needle, os, sys
times = int(os.environ["TIMES"])
print(os.getpid(), needle.find(), os.environ["LD_LIBRARY_PATH"], times, flush=True)
os.environ["TIMES"] = str(times - 1)
if times:
    os.execv(sys.executable, [sys.executable, *sys.argv])
"""
NOT_FOUND = (
    "stackenv: the environment bio/1.0 runs without its modules: their libraries are not found, "
    "because {why}; hint: module use {home}/modules; module load bio/1.0\n"
)
NOT_ITS = "this Python is not the environment's"
HOST = """\
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **words)
{
    PyConfig config;
    FILE *starts = fopen(words[2], "a");
    fprintf(starts, "%d\\n", getpid());
    fclose(starts);
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    PyConfig_SetBytesString(&config, &config.program_name, words[1]);
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    int failed = PyRun_SimpleString(words[3]);
    return Py_FinalizeEx() < 0 ? 120 : failed ? 1 : 0;
}
"""
LOOK = """\
import os, sys
print(sys.prefix, any("/Needle/" in entry for entry in sys.path), "STACKENV" in str(os.environb), flush=True)
import needle
print(needle.find())
"""


def packages_of(carrier: Carrier) -> str:
    return f"{carrier.prefix}/lib/{PYTHON_FOLDER}/site-packages"


@pytest.mark.parametrize("kind", KINDS)
def test_child_processes_get_the_stack_and_the_callers_variables(bare: Bare, kind: str) -> None:
    carrier = bare.carriers[kind]
    (carrier.home / "children.py").write_text(CHILDREN)
    done = carrier.start(carrier.python, "children.py")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, list[Any]] = json.loads(done.stdout)
    assert len(found) == 12
    for way, (_, needle, environ) in found.items():
        assert needle == (True if "interpreter" in way else 10), way
        assert environ == found["self"][2], way
    assert dict(found["self"][2]) == carrier.environ


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "enter",
    [
        "import site; site.addsitedir({packages!r})",
        "import site, threading; thread = threading.Thread(target=site.addsitedir, args=[{packages!r}])\n"
        "thread.start(); thread.join()",
        "exec(open({packages!r} + '/00_stackenv.pth').read(), {{'sitedir': {packages!r}}})",
    ],
)
def test_a_running_base_python_gets_the_packages_without_a_restart(bare: Bare, kind: str, enter: str) -> None:
    carrier = bare.carriers[kind]
    base = os.path.realpath(carrier.python)
    code = GOES_ON.format(enter=enter.format(packages=packages_of(carrier)))
    check_going_on(carrier, carrier.start(base, "-c", code))


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_calls_site_main_is_not_restarted(bare: Bare, kind: str) -> None:
    carrier = bare.carriers[kind]
    code = GOES_ON.format(enter="import site; site.main()")
    check_going_on(
        *(carrier, carrier.start(carrier.python, "-S", "-c", code)),
        why="Python had already started when the environment was found",
    )
    # Started with site, it has everything already.
    again = carrier.start(carrier.python, "-c", code)
    assert (again.stdout, again.stderr) == ("True True False\n10\n", "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_base_python_whose_sitecustomize_adds_the_packages_is_not_restarted(
    bare: Bare, kind: str, tmp_path: Path
) -> None:
    carrier = bare.carriers[kind]
    (tmp_path / "sitecustomize.py").write_text(f"import site; site.addsitedir({packages_of(carrier)!r})\n")
    code = GOES_ON.format(enter="pass")
    check_going_on(
        carrier, carrier.start(os.path.realpath(carrier.python), "-c", code, PYTHONPATH=str(tmp_path))
    )


def check_going_on(carrier: Carrier, done: subprocess.CompletedProcess[str], why: str = NOT_ITS) -> None:
    """Check that a Python that was not restarted, because of `why`, finds packages that need no libraries."""
    assert done.stdout.startswith("True True "), done.stderr
    if carrier.stack.kind == "rpath":
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "True True False\n10\n")
        return
    said = NOT_FOUND.format(why=why, home=carrier.home)
    assert done.stderr.startswith(said + "Traceback"), done.stderr
    assert done.stderr.endswith(
        "ImportError: libneedle.so.1: cannot open shared object file: No such file or directory\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_executes_itself_again_has_the_stack_each_time(bare: Bare, kind: str) -> None:
    """Servers that reload themselves do this: the same process, with the variables that it has by then."""
    carrier = bare.carriers[kind]
    (carrier.home / "again.py").write_text(AGAIN)
    done = carrier.start(carrier.python, "again.py", TIMES="2", LD_LIBRARY_PATH="/own")
    pid = done.stdout.split()[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(f"{pid} 10 /own {times}\n" for times in (2, 1, 0))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program that embeds Python; its arguments are NAME-OF-PROGRAM FILE-OF-STARTS CODE."""
    library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDLIBRARY"))
    have_or_skip("" if library.suffix == ".so" and library.exists() else f"there is no {library} to embed")
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.c").write_text(HOST)
    command = ["gcc", f"-I{sysconfig.get_path('include')}", "host.c", "-o", "host", f"-L{library.parent}"]
    command += [f"-Wl,-rpath,{library.parent}", f"-lpython{sysconfig.get_python_version()}"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "host"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["elsewhere", "in bin"])
def test_a_program_that_embeds_the_environments_python_is_not_restarted(
    bare: Bare, host: Path, kind: str, place: str, tmp_path: Path
) -> None:
    carrier = bare.carriers[kind]
    program, named = host, carrier.python
    if place == "in bin":
        # pip installs uWSGI like this: its sys.executable is the program itself.
        program = carrier.prefix / "bin/host"
        program.unlink(missing_ok=True)
        os.link(host, program)
        named = str(program)
    done = carrier.start(str(program), named, str(tmp_path / "starts"), LOOK)
    assert (tmp_path / "starts").read_text().count("\n") == 1
    assert done.stdout.startswith(f"{carrier.prefix} True "), done.stderr
    if kind == "rpath":
        assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{carrier.prefix} True False\n10\n")
        return
    said = NOT_FOUND.format(why="Python runs inside another program", home=carrier.home)
    assert done.stderr.startswith(said + "Traceback"), done.stderr
    # With the libraries on LD_LIBRARY_PATH nothing is printed.
    libraries = ":".join(carrier.stack.library_folders)
    done = carrier.start(str(program), named, str(tmp_path / "starts"), LOOK, LD_LIBRARY_PATH=libraries)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{carrier.prefix} True False\n10\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_embeds_the_base_python_gets_the_packages(
    bare: Bare, host: Path, kind: str, tmp_path: Path
) -> None:
    carrier = bare.carriers[kind]
    base = Path(os.path.realpath(carrier.python)).parents[1]
    code = GOES_ON.format(enter=f"import site; site.addsitedir({packages_of(carrier)!r})")
    done = carrier.start(str(host), "nothing", str(tmp_path / "starts"), code, PYTHONHOME=str(base))
    assert (tmp_path / "starts").read_text().count("\n") == 1
    check_going_on(carrier, done)


@pytest.mark.parametrize("kind", KINDS)
def test_a_venv_made_by_the_environments_python_does_not_carry_the_stack(bare: Bare, kind: str) -> None:
    carrier = bare.carriers[kind]
    made = {}
    for carries in ("0", "1"):
        options = {"STACKENV_CARRY": carries, "STACKENV_TOLD": "bio/1.0"}
        words = (carrier.python, "-m", "venv", "--without-pip", "--clear", "new")
        done = carrier.start(*words, **options)
        assert (done.returncode, done.stderr) == (0, "")
        code = "import os, sys; print(sys.path, sys.prefix, 'STACKENV_TOLD' in os.environ)"
        shown = carrier.start("new/bin/python", "-c", code)
        assert shown.returncode == 0 and "/Needle/" not in shown.stdout, shown.stderr
        files = sorted(str(path.relative_to(carrier.home)) for path in (carrier.home / "new").rglob("*"))
        made[carries] = ((carrier.home / "new/pyvenv.cfg").read_text(), files, shown.stdout, shown.stderr)
    assert made["0"] == made["1"]
