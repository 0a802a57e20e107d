"""The capture of what a conda environment's activation does, by real shells from real scripts."""

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


def test_plain_exports_are_captured_with_the_prefix_expanded(tmp_path: Path) -> None:
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
def test_entries_added_to_a_list_are_captured_as_prepended_or_appended(
    tmp_path: Path, script: str, front: tuple, back: tuple
) -> None:
    captured = capture(tmp_path, script)
    assert captured.prepended == ((("FOO_DIRS", front),) if front else ())
    assert captured.appended == ((("FOO_DIRS", back),) if back else ())
    assert (captured.set_variables, captured.default_variables) == ((), ())
    assert not details(captured, "differs")


def test_an_empty_manpath_entry_for_the_system_pages_is_reported(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export MANPATH=/man:$MANPATH LD_LIBRARY_PATH=/lib:$LD_LIBRARY_PATH")
    assert captured.prepended == (("LD_LIBRARY_PATH", ("/lib",)), ("MANPATH", ("/man",)))
    assert details(captured, "differs").keys() == {"MANPATH"}


def test_a_value_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export BAD=$'\\xff' GOOD=1")
    assert captured.set_variables == (("GOOD", "1"),)
    assert details(captured, "differs") == {"BAD": "its value is not UTF-8 text"}


def test_an_overwritten_list_is_captured_as_a_plain_value(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export LD_LIBRARY_PATH=/new")
    assert captured.set_variables == (("LD_LIBRARY_PATH", "/new"),)
    assert captured.prepended == ()


def test_entries_added_to_path_are_captured_as_prepended_and_appended(tmp_path: Path) -> None:
    captured = capture(tmp_path, "PATH=/front:$PATH:/back")
    assert (captured.prepended, captured.appended) == ((("PATH", ("/front",)),), (("PATH", ("/back",)),))


def test_a_replaced_path_is_reported_and_not_captured(tmp_path: Path) -> None:
    captured = capture(tmp_path, "export PATH=/mine:/usr/bin; export AFTER=1")
    assert captured.set_variables == (("AFTER", "1"),)
    assert captured.prepended == ()
    assert details(captured, "differs").keys() == {"PATH"}


def test_only_the_entry_of_a_list_that_depends_on_the_user_is_left_out(tmp_path: Path) -> None:
    captured = capture(
        tmp_path, "export PATH=/new:$HOME/bin:$PATH LD_LIBRARY_PATH=$HOME/lib:/lib:$LD_LIBRARY_PATH"
    )
    assert captured.prepended == (("LD_LIBRARY_PATH", ("/lib",)), ("PATH", ("/new",)))
    assert details(captured, "differs") == {
        "LD_LIBRARY_PATH": "depends on HOME (activate.d/a.sh)",
        "PATH": "depends on HOME (activate.d/a.sh)",
    }


def test_default_values_and_unset_variables_are_captured(tmp_path: Path) -> None:
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
def test_a_value_that_varies_is_reported_and_not_captured(tmp_path: Path, value: str, reason: str) -> None:
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
def test_special_characters_in_values_are_kept(tmp_path: Path, name: str) -> None:
    value = VALUES[name]
    quoted = "'" + value.replace("'", "'\\''") + "'"
    assert capture(tmp_path, f"export THING={quoted}").set_variables == (("THING", value),)


def test_variables_of_packages_and_state_are_set_before_scripts_run(tmp_path: Path) -> None:
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


def test_a_capture_does_not_depend_on_the_user_who_runs_it(tmp_path: Path, monkeypatch) -> None:
    prefix = write_environment(
        tmp_path / "e",
        {"activate.d/a.sh": "echo $HOME; touch $HOME/x\nexport A=1 B=$$ C=$TMPDIR; echo $$; false"},
    )
    first = capture_activation(prefix)
    for name in ("HOME", "TMPDIR", "LD_LIBRARY_PATH", "A", "PYTHONPATH"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    # tempfile reads TMPDIR only once per process.
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    assert capture_activation(Path("e")) == first
    assert not any((tmp_path / "TMPDIR").iterdir())


def test_a_host_name_within_a_temporary_folder_name_is_not_a_dependency() -> None:
    here = {"TMPDIR": "/tmp/stackenv-capture-xvmx/a", "HOSTNAME": "vm", "USER": "one", "LOGNAME": "one"}
    there = {"TMPDIR": "/tmp/stackenv-capture-xvmx/b", "HOSTNAME": "stackenv-capture"}
    there |= {"USER": "two", "LOGNAME": "two"}
    assert name_inputs(here["TMPDIR"], there["TMPDIR"], here, there) == ["TMPDIR"]
    assert name_inputs("one@vm", "two@stackenv-capture", here, there) == ["HOSTNAME", "USER", "LOGNAME"]


def test_a_process_id_that_contains_the_cpu_count_is_not_a_dependency() -> None:
    there = {"SLURM_CPUS_PER_TASK": "1873"}
    assert name_inputs("run-4711", "run-118730", {}, there) == []
    assert name_inputs("-j1", "-j1873", {}, there) == ["SLURM_CPUS_PER_TASK"]


@pytest.mark.parametrize("name", ["activate.d/a.sh", "deactivate.d/x.fish", "env_vars.d/v.json", "state"])
def test_the_hash_changes_with_every_activation_file(tmp_path: Path, name: str) -> None:
    prefix = write_environment(tmp_path / "e", {name: "{}"})
    first = hash_activation(prefix)
    assert capture_activation(prefix).scripts_sha256 == first
    (path,) = (p for p in prefix.rglob(Path(name).name))
    path.write_text("{} ")
    changed = hash_activation(prefix)
    path.unlink()
    assert len({first, changed, hash_activation(prefix)}) == 3


def test_a_missing_bash_or_environment_is_an_error(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(StackenvError, match="is not a conda environment"):
        capture_activation(tmp_path / "nothing")
    prefix = write_environment(tmp_path / "e", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackenvError, match="bash was not found on PATH"):
        capture_activation(prefix)


def activate(session: Session, name: str) -> tuple[Snapshot, Snapshot]:
    """Return snapshots of the shell before and after `conda activate NAME`, with the built module loaded."""
    folder = session.folder / name
    folder.mkdir()
    session = replace(session, folder=folder, lines=[], names=[])
    session.check("module load Anaconda3/2024.02-1").snapshot("before").check(f"conda activate {name}")
    result = session.snapshot("after").run()
    assert result.statuses == [0, 0], result.stderr
    return result.snapshots["before"], result.snapshots["after"]


def test_a_capture_matches_what_conda_activate_sets(stack, tmp_path: Path) -> None:
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
    # What the activation of `bare` sets too comes from conda itself or from the conda module.
    bare, acting = changed
    captured = capture_activation(stack.environments / "acting")
    assert dict(captured.set_variables) == {n: v for n, v in acting.items() if n not in bare}
    assert dict(captured.set_variables).keys() == {"MY_VARIABLE", "STACKENV_TEST_ACTIVATED"}
    assert (captured.default_variables, captured.prepended, captured.appended) == ((), (), ())
    assert captured.findings == ()
    assert capture_activation(stack.environments / "bare").set_variables == ()
