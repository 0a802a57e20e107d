"""A Python that does not start without its modules is started by a script that replaces the link to it."""

from __future__ import annotations

import ast
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest
from answers import read_result
from needy_python import BUNDLE, MODULE, make_needy_user, run
from needy_stack import FIND, PYTHON_FOLDER, NeedleStack
from traced_starts import bare, read_environment, start
from users import User

PRINT_ENVIRON = "import os, subprocess; print(sorted(os.environb.items())); print(sorted(subprocess.run("
PRINT_ENVIRON += "['/usr/bin/env', '-0'], stdout=-1).stdout.split(bytes(1))[:-1]))"
# bash changes, reserves or executes each of these variables.
OF_BASH = {
    b"SHLVL": b"007",
    b"PWD": b"/nowhere",
    b"OLDPWD": b"/gone",
    b"_": b"/some/program",
    b"IFS": b":",
    b"UID": b"5",
    b"RANDOM": b"6",
    b"SECONDS": b"7",
    b"GROUPS": b"8",
    b"PPID": b"9",
    b"SHELLOPTS": b"xtrace:noexec",
    b"BASHOPTS": b"extdebug",
    b"BASH_ENV": b"/dev/stdin",
    b"BASH_ARGV0": b"other",
    b"BASH_FUNC_mapfile%%": b"() { echo never; }",
    b"BASH_FUNC_exec%%": b"() {  echo never; }",
    b"POSIXLY_CORRECT": b"",
    b"PS4": b"$(echo never)",
    b"a.b": b"no name of bash",
    b"ODD": b"\xff'\"$(x)\n\\ *\t",
    b"\xc3\xa9t\xc3\xa9": b"\xe9",
    b"EMPTY": b"",
    b"LD_LIBRARY_PATH": b":/one:/two",
    b"LD_PRELOAD": b"",
    b"STACKENV_STARTED": b"1 older",
    b"LC_ALL": b"C.UTF-8",
}


# Variables that may differ in each program that bash has started.
OF_BASH_ITSELF = {"_", "PWD", "OLDPWD", "SHLVL"}


@pytest.fixture(scope="module")
def user(needy_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user who has the environment bio/1.0 on such a Python."""
    user = make_needy_user(tmp_path_factory.mktemp("needy-python"), needy_stack)
    made = user.stackenv("create", "bio", load=[BUNDLE])
    assert made.returncode == 0, made.stderr
    assert "starts only" not in made.stderr
    return user


@pytest.fixture(scope="module")
def python(user: User) -> Path:
    """Return the Python of that environment."""
    return user.home / "venvs/bio-1.0/bin/python"


def without_bashs(variables: list[str]) -> list[str]:
    """Return the `variables` without those that bash sets."""
    return [entry for entry in variables if entry.partition("=")[0] not in OF_BASH_ITSELF]


def test_a_script_replaces_the_link_to_the_base_python(user: User, python: Path) -> None:
    record = json.loads((python.parents[1] / "stackenv/record.json").read_text())
    carried = record["carried"]
    assert (carried["starts_bare"], len(carried["launchers"])) == (False, 1)
    (name, leads_to), *_ = carried["launchers"]
    own = python.with_name(name)
    assert not own.is_symlink() and os.access(own, os.X_OK)
    assert Path(leads_to).resolve() == Path(record["python"]["executable"])
    assert {path.resolve() for path in python.parent.glob("python*")} == {own.resolve()}
    # The environment can be moved, because the script does not contain its path.
    assert str(user.home) not in own.read_text().replace(record["python"]["executable"], "")


def test_info_says_that_a_script_starts_python(user: User) -> None:
    found = read_result(user.stackenv("info", "bio", "--json").stdout)["carried"]
    assert (found["carries"], found["restarts"], found["by_script"]) == (True, False, True)
    assert (
        "; a script in its bin folder starts it with their libraries\n" in user.stackenv("info", "bio").stdout
    )


def test_a_bare_start_has_the_stack_and_passes_nothing_to_children(
    user: User, python: Path, tmp_path: Path
) -> None:
    started = start(python, bare(user), tmp_path)
    assert (started.needle, started.said) == (10, [])
    assert started.numpy and started.numpy.startswith(user.stack.software)
    assert started.prefix == str(python.parents[1])
    assert (started.child, sorted(f"{n}={v}" for n, v in started.environ.items())) == (started.given,) * 2
    # Only the script and Python are executed: no other process, and no restart.
    execs = [path for name, path in started.calls if name == "execve" and path != "/usr/bin/env"]
    assert [Path(path).name for path in execs] == ["python", PYTHON_FOLDER]


@pytest.mark.parametrize(
    "given",
    [{}, {b"SHLVL": b"3", b"PWD": b"/"}, OF_BASH, {**OF_BASH, b"STACKENV_CARRY": b"1"}],
    ids=["nothing", "usual", "of bash", "more"],
)
def test_the_callers_variables_are_kept_byte_for_byte(python: Path, given: dict[bytes, bytes]) -> None:
    # Without LC_ALL Python itself sets LC_CTYPE (PEP 538).
    environ = {b"LC_ALL": b"C.UTF-8", **given}
    done = run(python, "-c", PRINT_ENVIRON, env=environ, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    own, childs = map(ast.literal_eval, done.stdout.splitlines())
    assert own == sorted(environ.items())
    assert childs == sorted(name + b"=" + value for name, value in environ.items())


def test_nothing_is_carried_when_the_modules_are_loaded(user: User, python: Path, tmp_path: Path) -> None:
    environ = read_environment(user, f"module load {BUNDLE}")
    started = start(python, environ, tmp_path)
    assert (started.needle, started.said) == (10, [])
    assert without_bashs(started.child) == without_bashs(started.given)
    # No variable must be restored.
    assert not [path for _, path in started.calls if "_stackenv_carry" in path]
    own = read_environment(user, "module use ~/modules; module load bio")
    started = start(python, own, tmp_path)
    assert without_bashs(started.child) == without_bashs(started.given)


@pytest.mark.parametrize("loaded", ["Needle/2.0", "Needle/1.0", "GCCcore/12.3.0", "GCCcore/13.2.0"])
def test_the_callers_loaded_modules_keep_their_own_libraries(
    user: User, python: Path, tmp_path: Path, loaded: str
) -> None:
    environ = read_environment(user, f"module load {loaded}")
    started = start(python, environ, tmp_path)
    # With -S, too, where no variable is restored.
    by_site = run(python, "-S", "-c", FIND, env=environ).stdout
    if loaded.startswith("Needle"):
        value = 20 if loaded == "Needle/2.0" else 10
        assert (started.needle, by_site) == (value, f"{value}\n")
    elif loaded == "GCCcore/12.3.0":
        assert (started.needle, started.said) == (10, [])
    else:
        assert started.needle == "No module named 'needle'"
        (line,) = started.said
        assert "which it does not use while GCCcore/13.2.0 is loaded" in line or "(not loaded)" in line
    told = [entry for entry in started.child if entry.startswith("STACKENV_TOLD=")]
    assert started.child == sorted([*started.given, *told])


@pytest.mark.parametrize("options", ["-S", "-IS", "-sS", "-X dev -S", "-Xdev -S", "-W error -S", "-B -u -S"])
@pytest.mark.parametrize("load", ["", f"module load {BUNDLE}"], ids=["bare", "loaded"])
def test_without_site_only_ld_library_path_is_added(
    user: User, python: Path, options: str, load: str
) -> None:
    environ = read_environment(user, load) if load else bare(user)
    done = run(python, *options.split(), "-c", PRINT_ENVIRON, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    names = {name.decode() for name, _ in ast.literal_eval(done.stdout.splitlines()[0])}
    more = set() if load else {"LD_LIBRARY_PATH"}
    assert names - OF_BASH_ITSELF == (environ.keys() | more) - OF_BASH_ITSELF


@pytest.mark.parametrize(
    "options", ["-c {} -S", "-W S -c {}", "-X S -c {}", "-WS -c {}", "-XS=S -c {}", "-Wignore::S -c {}"]
)
def test_an_s_in_another_argument_is_not_mistaken_for_the_option(
    user: User, python: Path, options: str
) -> None:
    environ = {**bare(user), "PYTHONWARNINGS": "ignore"}
    words = [word.format(PRINT_ENVIRON) for word in options.split()]
    done = run(python, *words, env=environ)
    assert done.returncode == 0, done.stderr
    own = ast.literal_eval(done.stdout.splitlines()[0])
    assert own == sorted((name.encode(), value.encode()) for name, value in environ.items())


def test_libraries_already_on_ld_library_path_do_not_prevent_carrying(
    user: User, python: Path, tmp_path: Path
) -> None:
    folders = read_environment(user, f"module load {BUNDLE}")["LD_LIBRARY_PATH"]
    for library_path in (f"/other:{folders}", folders, f"{folders}:/other"):
        started = start(python, {**bare(user), "LD_LIBRARY_PATH": library_path}, tmp_path)
        assert (started.needle, started.said, started.child) == (10, [], started.given)


@pytest.mark.parametrize("off", ["0", "No"])
def test_with_carrying_off_the_load_command_is_printed(user: User, python: Path, off: str) -> None:
    done = run(python, "-c", "", env={**bare(user), "STACKENV_CARRY": off})
    assert done.returncode == 127
    line, loaders = done.stderr.splitlines()
    assert "libneedle.so.1: cannot open shared object file" in loaders
    why = f"with STACKENV_CARRY={off} this Python starts only while its modules are loaded"
    assert line == f"stackenv: {why}; hint: module load {BUNDLE} {MODULE}"
    found = user.run(f"{line.partition('hint: ')[2]}; {python} -c {shlex.quote(FIND)}", STACKENV_CARRY=off)
    assert (found.stdout, found.stderr) == ("10\n", "")


def test_the_missing_bundle_is_reported_when_only_a_python_module_is_loaded(user: User, python: Path) -> None:
    done = user.run(f"module load Python; {python} -c 'import sys; print(sys.prefix)'")
    assert done.stdout == f"{python.parents[1]}\n", done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"stackenv: the environment bio/1.0 needs {BUNDLE} (not loaded)")


@pytest.mark.parametrize("how", ["python", "./python", "../bin/python", "python3", PYTHON_FOLDER])
def test_sys_executable_and_the_process_name_follow_the_name_in_the_command(
    user: User, python: Path, how: str
) -> None:
    code = "import sys; print(sys.executable, sys.prefix, sys.orig_argv[1:], open('/proc/self/comm').read())"
    started = run(how, "-c", code, "a b", "", env={**bare(user), "PATH": ":/usr/bin"}, cwd=python.parent)
    name = Path(how).name
    expected = f"{python.with_name(name)} {python.parents[1]} {['-c', code, 'a b', '']} {name}\n\n"
    assert (started.stdout.replace("/./", "/").replace("/../bin/", "/"), started.stderr) == (expected, "")


def test_a_script_can_name_the_python_in_its_first_line(user: User, python: Path, tmp_path: Path) -> None:
    script = tmp_path / "analysis"
    code = "import sys, needle; print(needle.find(), sys.argv, open('/proc/self/comm').read().strip())"
    script.write_text(f"#!{python} -s\n{code}; sys.exit(3)\n")
    script.chmod(0o755)
    done = run(script, "-v", "two words", env=bare(user))
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == f"10 {[str(script), '-v', 'two words']} analysis\n"


def test_python_is_the_process_that_was_started(user: User, python: Path) -> None:
    code = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    with subprocess.Popen([python, "-c", code], env=bare(user), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    ignored = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    assert run("nohup", python, "-c", ignored, env=bare(user)).stdout == "True\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_and_inherited_descriptors_are_kept(
    user: User, python: Path, tmp_path: Path, closed: str
) -> None:
    code = "import os; print(sorted(os.listdir('/proc/self/fd')), file=open('%s', 'w'))"
    seen = []
    for program in (sys.executable, python):
        out = tmp_path / "out"
        line = f'exec "$0" -c "$1" {closed} 5</dev/null 255</dev/null'
        run("/bin/bash", "-c", line, program, code % out, env=bare(user))
        seen.append(out.read_text())
        out.unlink()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("options", ["-E", "-I", "-s", "-B -u", "-X dev", "-W error", "-P"])
def test_python_options_work_as_with_a_link(user: User, python: Path, options: str) -> None:
    code = "import sys; print(sys.executable, sys.path, sys.orig_argv, sys.flags)"
    words = (python, *options.split(), "-c", code)
    record = json.loads((python.parents[1] / "stackenv/record.json").read_text())
    base, libraries = record["python"]["executable"], ":".join(record["carried"]["libraries"])
    # As with a link: LD_LIBRARY_PATH already has the libraries, so Python is not restarted.
    by_link = {**bare(user), "LD_LIBRARY_PATH": libraries}
    ours, others = run(*words, env=bare(user)), run(*words, executable=base, env=by_link)
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, others.stdout, others.stderr)
    found = run(python, "-c", "import sys; print(sys._base_executable)", env=bare(user))
    assert found.stdout == (f"{base}\n" if sys.version_info >= (3, 11) else f"{python}\n")


def test_standard_input_reaches_python(user: User, python: Path) -> None:
    piped = run(python, "-c", "print(input())", env=bare(user), stdin=None, input="a line\n")
    assert (piped.stdout, piped.stderr) == ("a line\n", "")


def test_child_processes_start_and_find_the_packages(user: User, python: Path, tmp_path: Path) -> None:
    script = tmp_path / "spawned.py"
    script.write_text(
        "import multiprocessing, subprocess, sys\n"
        f"def find(_):\n    import needle\n    return needle.find()\n"
        "if __name__ == '__main__':\n"
        "    for way in ('spawn', 'forkserver', 'fork'):\n"
        "        with multiprocessing.get_context(way).Pool(2) as pool:\n"
        "            print(pool.map(find, range(2)))\n"
        f"    subprocess.run([sys.executable, '-c', {FIND!r}])\n"
    )
    done = run(python, "-u", script, env=bare(user))
    assert (done.stdout, done.stderr) == ("[10, 10]\n" * 3 + "10\n", "")


@pytest.mark.parametrize("to", ["file", "bin"])
def test_a_link_to_python_or_bin_from_elsewhere_gets_no_libraries(
    user: User, python: Path, tmp_path: Path, to: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(python if to == "file" else python.parent)
    program = link if to == "file" else link / "python"
    for name in (
        program,
        program.relative_to(tmp_path),
        Path("..", tmp_path.name, program.relative_to(tmp_path)),
    ):
        done = run(name if name.is_absolute() else f"./{name}", "-c", "", env=bare(user), cwd=tmp_path)
        assert done.returncode == 127, name
    loaded = user.run(f"module load {BUNDLE}; {program} -c {quote(PRINT_ENVIRON)}")
    assert loaded.returncode == 0 and "STACKENV_STARTED" not in loaded.stdout, loaded.stderr


def test_python_starts_through_a_link_to_the_environment(user: User, python: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(python.parents[1])
    code = f"import os; {FIND}; print('LD_LIBRARY_PATH' in os.environ)"
    for words in ((link / "bin/python",), (f"{link}//bin/./python",), (f"{link}/bin/../bin/python",)):
        done = run(*words, "-c", code, env=bare(user))
        assert (done.stdout, done.stderr) == ("10\nFalse\n", "")
    # The working directory of the kernel counts, not the caller's $PWD.
    done = run("../bin/python", "-c", code, env={**bare(user), "PWD": str(link / "bin")}, cwd=link / "bin")
    assert (done.stdout, done.stderr) == ("10\nFalse\n", "")


def test_a_copied_environment_starts_from_a_path_with_special_characters(
    user: User, python: Path, tmp_path: Path
) -> None:
    for place in (tmp_path / "with blank", tmp_path / "it's $HOME;"):
        run("cp", "-a", python.parents[1], place)
        done = run(place / "bin/python", "-c", f"import sys; print(sys.prefix); {FIND}", env=bare(user))
        assert (done.stdout, done.stderr) == (f"{place}\n10\n", "")


def test_an_invalid_record_is_reported_and_python_still_starts(user: User, python: Path) -> None:
    record = python.parents[1] / "stackenv/record.json"
    before = record.read_text()
    try:
        record.write_text(before[:-9])
        done = run(python, "-c", PRINT_ENVIRON, env={"LC_ALL": "C.UTF-8"})
    finally:
        record.write_text(before)
    (line,) = done.stderr.splitlines()
    assert line.startswith("stackenv: the environment bio/1.0 runs without its modules: its record,")
    told = [(b"LC_ALL", b"C.UTF-8"), (b"STACKENV_TOLD", b"bio/1.0")]
    assert ast.literal_eval(done.stdout.splitlines()[0]) == told


def test_a_missing_base_python_is_reported_by_load_check_and_start(user: User, python: Path) -> None:
    base = Path(json.loads((python.parents[1] / "stackenv/record.json").read_text())["python"]["executable"])
    aside = base.with_name("aside")
    base.rename(aside)
    try:
        loaded = user.run("module use ~/modules; module load bio")
        checked = user.stackenv("check", "bio")
        started = run(python, "-c", "", env=bare(user))
    finally:
        aside.rename(base)
    assert f"bio/1.0: its Python, {base}, is missing" in " ".join(loaded.stderr.split())
    assert checked.returncode == 1 and "is gone" in checked.stdout + checked.stderr
    assert started.returncode == 127 and "No such file" in started.stderr


def test_gdb_runs_python_through_bash(user: User, python: Path) -> None:
    debugged = run(
        "gdb", "-q", "-batch", "-ex", "run", "--args", "bash", "-p", python, "-c", FIND, env=bare(user)
    )
    assert "10\n" in debugged.stdout and "exited normally" in debugged.stdout


def test_ldd_lists_the_library_of_the_started_program(user: User, python: Path) -> None:
    # The command of the page on carrying.
    program = f"""$({python} -c 'import os; print(os.readlink("/proc/self/exe"))')"""
    listed = user.run(f'module load {BUNDLE}; ldd "{program}"')
    assert f"{user.stack.folder}/{user.stack.library}/lib/libneedle.so.1" in listed.stdout, listed
