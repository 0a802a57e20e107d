"""What a conda environment's activation does, captured by real shells from real scripts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from built import CHANNEL
from capturing import capture, details, write_environment
from dialects import DIALECTS
from session import Session, Snapshot

from stackenv.conda.activation.capture import capture_activation
from stackenv.conda.activation.changes import name_inputs
from stackenv.conda.activation.sources import hash_activation
from stackenv.errors import StackenvError

LMOD = os.environ.get("LMOD_CMD", "/usr/share/lmod/lmod/libexec/lmod")


def test_a_plain_export_with_the_prefix_in_it(tmp_path: Path) -> None:
    captured = capture(tmp_path, 'export HERE=$CONDA_PREFIX/share NAME="$CONDA_DEFAULT_ENV $CONDA_SHLVL"')
    expected = (("HERE", f"{tmp_path}/environment/share"), ("NAME", "environment 1"))
    assert captured.set_variables == expected
    assert (captured.default_variables, captured.prepended, captured.appended) == ((), (), ())


@pytest.mark.parametrize(
    ("script", "front", "back"),
    [
        ("export FOO_DIRS=/new:$FOO_DIRS", ("/new",), ()),
        ("export FOO_DIRS=/new${FOO_DIRS:+:$FOO_DIRS}", ("/new",), ()),
        ("export FOO_DIRS=${FOO_DIRS:+$FOO_DIRS:}/new:/more", (), ("/new", "/more")),
        ("export FOO_DIRS=/one:/two:$FOO_DIRS:/three", ("/one", "/two"), ("/three",)),
    ],
)
def test_a_list_that_grows(tmp_path: Path, script: str, front: tuple, back: tuple) -> None:
    captured = capture(tmp_path, script)
    assert captured.prepended == ((("FOO_DIRS", front),) if front else ())
    assert captured.appended == ((("FOO_DIRS", back),) if back else ())
    assert (captured.set_variables, captured.default_variables) == ((), ())
    assert not details(captured, "differs")


def test_an_empty_entry_that_stands_for_the_systems_pages_is_told(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export MANPATH=/man:$MANPATH LD_LIBRARY_PATH=/lib:$LD_LIBRARY_PATH")
    assert captured.prepended == (("LD_LIBRARY_PATH", ("/lib",)), ("MANPATH", ("/man",)))
    assert details(captured, "differs").keys() == {"MANPATH"}


def test_values_that_are_no_text_are_told(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export BAD=$'\\xff' GOOD=1")
    assert captured.set_variables == (("GOOD", "1"),)
    assert details(captured, "differs") == {"BAD": "its value is not UTF-8 text"}


def test_a_list_that_is_overwritten_is_no_list_that_grows(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export LD_LIBRARY_PATH=/new")
    assert captured.set_variables == (("LD_LIBRARY_PATH", "/new"),)
    assert captured.prepended == ()


def test_path_grows_in_front_and_behind(tmp_path: Path) -> None:
    captured = capture(tmp_path, "PATH=/front:$PATH:/back")
    assert (captured.prepended, captured.appended) == ((("PATH", ("/front",)),), (("PATH", ("/back",)),))


def test_a_path_that_is_replaced_is_not_captured(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export PATH=/mine:/usr/bin; export AFTER=1")
    assert captured.set_variables == (("AFTER", "1"),)
    assert captured.prepended == ()
    assert details(captured, "differs").keys() == {"PATH"}


def test_of_a_list_only_the_entry_that_depends_on_the_user_is_left_out(tmp_path: Path) -> None:
    captured = capture(
        tmp_path, "export PATH=/new:$HOME/bin:$PATH LD_LIBRARY_PATH=$HOME/lib:/lib:$LD_LIBRARY_PATH"
    )
    assert captured.prepended == (("LD_LIBRARY_PATH", ("/lib",)), ("PATH", ("/new",)))
    assert details(captured, "differs") == {
        "LD_LIBRARY_PATH": "depends on HOME (activate.d/a.sh)",
        "PATH": "depends on HOME (activate.d/a.sh)",
    }


def test_what_is_set_only_where_it_is_unset_and_what_is_unset(tmp_path: Path) -> None:
    captured = capture(
        tmp_path,
        'export THREADS="${THREADS:-4}" FLAGS="-O2 ${FLAGS:-}"\n'
        'unset PYTHONHOME\n[ -z "$MANPATH" ] || export MANPATH=/man:$MANPATH\nscratch=1; unset scratch',
    )
    assert captured.default_variables == (("FLAGS", "-O2 "), ("THREADS", "4"))
    assert captured.unset_variables == ("PYTHONHOME",)
    assert (captured.set_variables, captured.prepended) == ((), ())
    assert details(captured, "differs").keys() == {"FLAGS", "MANPATH"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("$HOME/.cache", "depends on HOME"),
        ("$TMPDIR/x", "depends on TMPDIR"),
        ("$(pwd)", "depends on PWD"),
        ("/data/$USER", "depends on USER, LOGNAME"),
        ("$(hostname)", "depends on HOSTNAME"),
        ("${SLURM_CPUS_PER_TASK:-1}", "depends on SLURM_CPUS_PER_TASK"),
        ("run-$$", "depends on the shell's process ID"),
        ("$RANDOM$RANDOM", "contains a number that differs each time"),
        ("$(date +%s)", "contains a number that differs each time"),
        ("$(date +%F)", "contains a number that differs each time"),
        ("$(mktemp -u XXXXXXXXXX)", "differs each time"),
    ],
)
def test_what_is_not_the_same_everywhere_is_not_frozen(tmp_path: Path, value: str, reason: str) -> None:
    captured = capture(tmp_path, f'export THING="{value}" SAME=1')
    assert captured.set_variables == (("SAME", "1"),)
    assert captured.default_variables == ()
    found = details(captured, "differs")
    assert found.keys() == {"THING"}
    assert found["THING"].startswith(reason) and found["THING"].endswith("(activate.d/a.sh)")


VALUES = {
    "quotes": 'it\'s "quoted"',
    "code": "$HOME `id` $(id) \\ !x ; & | * ~ #",
    "newline": "one\ntwo\n",
    "unicode": "Zürich ✓",
    "spaces": "  a  b\t",
    "empty": "",
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    value = VALUES[name]
    quoted = "'" + value.replace("'", "'\\''") + "'"
    assert capture(tmp_path, f"export THING={quoted}").set_variables == (("THING", value),)


def test_variables_of_the_packages_and_of_the_environments_state_come_first(tmp_path: Path) -> None:
    prefix = write_environment(
        tmp_path / "e",
        {
            "env_vars.d/b.json": '{"B": "b", "LATER": "b"}',
            "env_vars.d/a.json": '{"LATER": "a", "NUMBER": 3}',
            "env_vars.d/c.json": "{broken",
            "state": '{"env_vars": {"PATH": "/only", "lower": "x y", "B": "state", '
            '"GONE": "***unset***", "A-B": "1"}}',
            "activate.d/a.sh": "export SEEN=$LATER$B",
        },
    )
    captured = capture_activation(prefix)
    expected = {"B": "state", "LATER": "b", "LOWER": "x y", "NUMBER": "3", "SEEN": "bstate"}
    assert dict(captured.set_variables) == expected
    assert details(captured, "failed").keys() == {"etc/conda/env_vars.d/c.json", "conda-meta/state"}


def test_the_same_environment_gives_the_same_whoever_captures(tmp_path: Path, monkeypatch) -> None:
    prefix = write_environment(
        tmp_path / "e",
        {"activate.d/a.sh": "echo $HOME; touch $HOME/x\nexport A=1 B=$$ C=$TMPDIR; echo $$; false"},
    )
    first = capture_activation(prefix)
    for name in ("HOME", "TMPDIR", "LD_LIBRARY_PATH", "A", "PYTHONPATH"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    # tempfile asks TMPDIR only once in a process.
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    assert capture_activation(Path("e")) == first
    assert not any((tmp_path / "TMPDIR").iterdir())


def test_a_host_name_that_is_a_part_of_a_temporary_folders_is_not_what_a_value_depends_on() -> None:
    here = {"TMPDIR": "/tmp/stackenv-capture-xvmx/a", "HOSTNAME": "vm", "USER": "one", "LOGNAME": "one"}
    there = {"TMPDIR": "/tmp/stackenv-capture-xvmx/b", "HOSTNAME": "stackenv-capture"}
    there |= {"USER": "two", "LOGNAME": "two"}
    assert name_inputs(here["TMPDIR"], there["TMPDIR"], here, there) == ["TMPDIR"]
    assert name_inputs("one@vm", "two@stackenv-capture", here, there) == ["HOSTNAME", "USER", "LOGNAME"]


def test_a_process_number_that_holds_a_jobs_number_of_processors_is_not_what_a_value_depends_on() -> None:
    there = {"SLURM_CPUS_PER_TASK": "1873"}
    assert name_inputs("run-4711", "run-118730", {}, there) == []
    assert name_inputs("-j1", "-j1873", {}, there) == ["SLURM_CPUS_PER_TASK"]


@pytest.mark.parametrize("name", ["activate.d/a.sh", "deactivate.d/x.fish", "env_vars.d/v.json", "state"])
def test_the_hash_tells_that_the_scripts_are_others(tmp_path: Path, name: str) -> None:
    prefix = write_environment(tmp_path / "e", {name: "{}"})
    first = hash_activation(prefix)
    assert capture_activation(prefix).scripts_sha256 == first
    (path,) = (p for p in prefix.rglob(Path(name).name))
    path.write_text("{} ")
    changed = hash_activation(prefix)
    path.unlink()
    assert len({first, changed, hash_activation(prefix)}) == 3


def test_without_a_bash_and_without_an_environment(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(StackenvError, match="is not a conda environment"):
        capture_activation(tmp_path / "nothing")
    prefix = write_environment(tmp_path / "e", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackenvError, match="bash was not found on PATH"):
        capture_activation(prefix)


def activate(session: Session, name: str) -> tuple[Snapshot, Snapshot]:
    """Return the shell before and after `conda activate NAME` through the built module."""
    folder = session.folder / name
    folder.mkdir()
    session = replace(session, folder=folder, lines=[], names=[])
    session.check("module load Anaconda3/2024.02-1").snapshot("before").check(f"conda activate {name}")
    result = session.snapshot("after").run()
    assert result.statuses == [0, 0], result.stderr
    return result.snapshots["before"], result.snapshots["after"]


def test_what_is_captured_is_what_conda_activate_does(stack, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    environ = stack.environ(CONDA_ALWAYS_YES="true", CONDA_QUIET="true")
    session = Session(DIALECTS["bash"], folder, LMOD, environ)
    made = session.check(
        "module load Anaconda3/2024.02-1",
        "conda create --name bare",
        f"conda create --name acting --channel {CHANNEL} activating unset-reader",
        "conda env config vars set --name acting my_variable='a $HOME b'",
    ).run(300)
    assert made.statuses == [0] * 4, made.stdout + made.stderr
    changed = []
    for name in ("bare", "acting"):
        before, after = activate(session, name)
        changed.append({n: v for n, v in after.environment.items() if before.environment.get(n) != v})
    # What every activation sets is conda's own, or the conda module's.
    bare, acting = changed
    captured = capture_activation(stack.environments / "acting")
    assert dict(captured.set_variables) == {n: v for n, v in acting.items() if n not in bare}
    assert dict(captured.set_variables).keys() == {"MY_VARIABLE", "STACKENV_TEST_ACTIVATED"}
    assert (captured.default_variables, captured.prepended, captured.appended) == ((), (), ())
    assert captured.findings == ()
    assert capture_activation(stack.environments / "bare").set_variables == ()
