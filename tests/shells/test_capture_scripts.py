"""Effects of activation scripts that no module can reproduce: found in real shells, and reported."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from capturing import capture, details, write_environment

from stackenv.conda.activation.capture import capture_activation

CODE = """\
import pathlib, sys
from stackenv.conda.activation.capture import capture_activation
for finding in capture_activation(pathlib.Path(sys.argv[1])).findings:
    print(finding.kind, finding.subject)
"""


def capture_within(command: list[str], prefix: Path, **environ: str) -> list[str]:
    """Capture in another process, which `command` starts; return the kind and subject of each finding."""
    done = subprocess.run(
        [*command, sys.executable, "-c", CODE, str(prefix)],
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_host_name_that_cannot_be_varied_is_reported(tmp_path: Path) -> None:
    prefix = write_environment(tmp_path / "environment", {"activate.d/a.sh": "export THING=$(hostname)"})
    assert "not tried host name" not in capture_within([], prefix)
    # A user namespace in which no further one can be created.
    script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"'
    assert "not tried host name" in capture_within(["unshare", "-U", "-r", "sh", "-c", script, "-"], prefix)


def test_temporary_folders_are_removed_even_if_a_script_closed_them(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "others").mkdir(mode=0o750)
    script = f"mkdir -p $HOME/x/y; ln -s '{tmp_path}/others' $HOME/link; chmod 0 $HOME/x $HOME $TMPDIR"
    prefix = write_environment(tmp_path / "environment", {"activate.d/a.sh": script})
    # In a user namespace, root has no special rights over closed folders either.
    assert capture_within(["unshare", "-U"], prefix, TMPDIR=str(tmp_path / "tmp")) == ["not tried host name"]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / "others").stat().st_mode & 0o777 == 0o750


def test_changes_to_the_shell_itself_are_reported(tmp_path: Path) -> None:
    captured = capture(
        tmp_path,
        "greet() { :; }; alias ll='ls -l'; set -o pipefail; shopt -s nullglob; umask 027\n"
        "mine=1; trap 'rm -f /one\nrm -f /two' EXIT; cd /; export -f greet; declare -x LOCAL=1\n",
    )
    subjects = {"function": "greet", "alias": "ll", "shell variable": "mine", "trap": "EXIT"}
    for kind, subject in {**subjects, "umask": "0027", "folder": "current folder"}.items():
        assert details(captured, kind) == {subject: "left by activate.d/a.sh"}, kind
    assert details(captured, "shell option").keys() == {"pipefail on", "nullglob on"}
    # conda, too, sources scripts within a function: a `declare -x` there ends with the function.
    assert captured.set_variables == ()


def test_a_prefix_with_odd_characters_is_captured(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s $HOME `id` "é" !'
    captured = capture(
        folder,
        'export HERE="$CONDA_PREFIX" PATH="$CONDA_PREFIX/more:$PATH"',
        csh='setenv HERE "$CONDA_PREFIX:q"',
    )
    assert captured.set_variables == (("HERE", f"{folder}/environment"),)
    assert captured.prepended == (("PATH", (f"{folder}/environment/more",)),)
    assert not details(captured, "failed")
    assert details(captured, "csh differs").keys() == {"PATH"}


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("exit 3", "ends the shell with status 3"),
        ("set -u; : $STACKENV_TEST_NEVER_SET", "ends the shell with status"),
        ("exec true", "ends the shell with status 0"),
        ("kill -9 $$", "ends the shell with status -9"),
        ("yes", "prints more than 10 MB"),
    ],
)
def test_a_script_that_ends_the_shell_is_reported(tmp_path: Path, script: str, detail: str) -> None:
    scripts = {"a.sh": "export A=1", "b.sh": f"export B=1\n{script}", "c.sh": "export C=1"}
    files = {f"activate.d/{name}": text for name, text in scripts.items()}
    prefix = write_environment(tmp_path / "e", {**files, "deactivate.d/a.sh": "unset A; exit 4"})
    captured = capture_activation(prefix, 20)
    # Scripts after the one that ends the shell never run; those of deactivate.d are examined nevertheless.
    assert captured.set_variables == (("A", "1"),)
    failed = details(captured, "failed")
    assert failed["activate.d/b.sh"].startswith(detail)
    assert failed["deactivate.d/a.sh"] == "ends the shell with status 4"


def test_a_hanging_script_is_killed_with_its_children(tmp_path: Path) -> None:
    script = f"export A=1\nsleep 1000 & echo $! >>'{tmp_path}/pids'\nsleep 1000"
    prefix = write_environment(tmp_path / "e", {"activate.d/a.sh": "export B=1", "activate.d/b.sh": script})
    begin = time.monotonic()
    captured = capture_activation(prefix, 2)
    assert time.monotonic() - begin < 10
    assert captured.set_variables == (("B", "1"),)
    assert details(captured, "failed") == {"activate.d/b.sh": "does not end within 2 s"}
    for pid in (tmp_path / "pids").read_text().split():
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_scripts_that_fail_print_or_change_options_do_not_stop_the_rest(tmp_path: Path) -> None:
    files = {
        "activate.d/a.sh": "echo hello >&2; : $STACKENV_TEST_NEVER_SET; export A=1",
        "activate.d/b.sh": "set -eu -o noclobber; export B=1",
        "activate.d/c.sh": "echo $$; export C=1",
        "activate.d/d.sh": "set +e; nosuchcommand; export D=1; return 7",
    }
    captured = capture_activation(write_environment(tmp_path / "e", files), 20)
    assert dict(captured.set_variables) == {name: "1" for name in "ABCD"}
    printed = details(captured, "output")
    assert printed == {
        "activate.d/a.sh": "prints: hello",
        "activate.d/c.sh": "prints something different each time",
    }
    failed = details(captured, "failed")
    assert failed.keys() == {"activate.d/d.sh"}
    assert "status 7" in failed["activate.d/d.sh"] and "nosuchcommand" in failed["activate.d/d.sh"]


def test_a_backup_variable_is_reported_and_a_restored_value_is_not(tmp_path: Path) -> None:
    captured = capture(
        tmp_path,
        '[ -z "${JAVA_HOME+x}" ] || export CONDA_BACKUP_JAVA_HOME="$JAVA_HOME"\n'
        "export JAVA_HOME=$CONDA_PREFIX/jvm",
        off='unset JAVA_HOME\nif [ -n "${CONDA_BACKUP_JAVA_HOME+x}" ]; then\n'
        'export JAVA_HOME="$CONDA_BACKUP_JAVA_HOME"; unset CONDA_BACKUP_JAVA_HOME; fi',
    )
    assert captured.set_variables == (("JAVA_HOME", f"{tmp_path}/environment/jvm"),)
    assert details(captured, "backup").keys() == {"CONDA_BACKUP_JAVA_HOME"}
    assert not details(captured, "left behind") and not details(captured, "deactivate")


def test_variables_left_or_added_by_deactivation_are_reported(tmp_path: Path) -> None:
    captured = capture(
        tmp_path,
        "export BACKUP=${KEPT-}; export KEPT=1 LEFT=1 LOST=1 GREW=/x${GREW:+:$GREW}; greet() { :; }",
        off="export KEPT=$BACKUP; unset BACKUP LOST; [ $GREW != /x ] || unset GREW\n"
        "export MORE=1; later() { :; }\n"
        'case ":$PATH:" in *":$CONDA_PREFIX/bin:"*) export STILL_ON_PATH=1;; esac',
    )
    assert details(captured, "left behind") == {
        "KEPT": "deactivate.d does not undo it",
        "LEFT": "deactivate.d does not undo it",
        "GREW": "deactivate.d neither unsets it nor restores its value",
    }
    assert details(captured, "deactivate").keys() == {"MORE", "later"}


def test_activation_scripts_run_in_order_and_deactivation_scripts_in_reverse(tmp_path: Path) -> None:
    files = {
        "activate.d/a.sh": "export FIRST=a",
        "activate.d/b.sh": "export SECOND=${FIRST}b",
        "deactivate.d/a.sh": '[ "$SECOND" = left ] && export RIGHT=1; unset FIRST SECOND',
        "deactivate.d/b.sh": '[ "$SECOND" = ab ] && export SECOND=left',
    }
    captured = capture_activation(write_environment(tmp_path / "e", files), 20)
    assert captured.set_variables == (("FIRST", "a"), ("SECOND", "ab"))
    assert details(captured, "deactivate").keys() == {"RIGHT"}
    assert not details(captured, "failed")


def test_differences_between_csh_and_sh_scripts_are_reported(tmp_path: Path) -> None:
    captured = capture(
        tmp_path,
        "export SAME='a b' OTHER=sh FOO_PATH=/x:$FOO_PATH ONLY_SH=1 PER_USER=$HOME",
        csh="setenv SAME 'a b'\nsetenv OTHER csh\nif (! $?FOO_PATH) setenv FOO_PATH ''\n"
        "setenv FOO_PATH /x:$FOO_PATH\nsetenv ONLY_CSH 1\nsetenv PER_USER $HOME\nsetenv X $NEVER_SET\n",
    )
    assert dict(captured.set_variables) == {"SAME": "a b", "OTHER": "sh", "ONLY_SH": "1"}
    assert details(captured, "csh differs") == {
        "ONLY_CSH": "sh leaves it alone, csh sets it",
        "ONLY_SH": "sh sets it, csh leaves it alone",
        "OTHER": "sh and csh disagree on the value: each sets it",
    }
    assert details(captured, "failed") == {
        "activate.d/a.csh": "ends with status 1: NEVER_SET: Undefined variable."
    }


def test_missing_csh_scripts_are_reported_once_and_only_if_sh_sets_something(tmp_path: Path) -> None:
    assert details(capture(tmp_path / "one", "export A=1"), "csh missing").keys() == {"activate.d"}
    assert capture(tmp_path / "two", ":").findings == ()
