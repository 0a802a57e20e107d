"""`stackenv job`: options and commands that are refused before a job is submitted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from people import Person


def test_a_record_cannot_write_into_the_script(owner: Person) -> None:
    path = owner.home / "venvs/biopy-1.0/stackenv/record.json"
    good, record = path.read_text(), json.loads(path.read_text())
    script = owner.stackenv("job", "biopy", "--", "python", "x").stdout
    try:
        for key in ("name", "version", "module_folder"):
            path.write_text(json.dumps({**record, key: "x\nexit 9"}))
            assert owner.stackenv("job", "biopy", "--", "python", "x").stdout == script
        path.write_text(json.dumps({**record, "modulepath": f"/a\nexit 9:b:{record['modulepath']}"}))
        assert owner.stackenv("job", "biopy", "--", "python", "x").stdout == script
    finally:
        path.write_text(good)


BREAKING = ("", "a b", "a\nexit", "a'", 'a"', "a#", "a\\", "a\t", "\x1b[1m")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("time", value) for value in BREAKING),
        *((option, "a\nexit") for option in ("partition", "account", "nodes", "mem", "array")),
        *((option, "a\nexit") for option in ("gpus", "job-name", "output", "sbatch")),
    ],
)
def test_a_value_that_could_break_the_script_is_refused(owner: Person, option: str, value: str) -> None:
    done = owner.stackenv("job", "biopy", f"--{option}", value, "--", "python", "x", status=2)
    assert done.stdout == ""
    assert f"--{option} {value!r} cannot be used in a Slurm script" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("time", "2h", "--time 02:00:00"),
        ("mem", "8 GB", "use one word without spaces"),
        ("mem", "8Gi", "--mem 8G"),
        ("array", "1..20", "--array 1-20"),
        ("gpus", "two", "--gpus 1"),
        ("sbatch", "-N2", "--sbatch gres=gpu:1"),
        ("sbatch", "qos=", "--sbatch gres=gpu:1"),
    ],
)
def test_a_value_that_slurm_would_refuse_is_refused_with_a_hint(
    owner: Person, option: str, value: str, hint: str
) -> None:
    done = owner.stackenv("job", "biopy", f"--{option}", value, "--", "python", "x", status=2)
    assert done.stdout == "" and hint in done.stderr.partition("hint: ")[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("biopy",), "stackenv job biopy -- python script.py"),
        (("biopy", "--"), "the command to run is missing"),
        (("biopy", "--", ""), "the command to run is missing"),
        (("biopy", "python", "-c", "x"), "stackenv job NAME -- python script.py"),
        (("biopy", "python", "--", "x.py"), "stackenv job biopy -- python x.py"),
        (("--", "python", "x.py"), "the name of the environment is missing"),
        (("biopy", "--cpus", "0", "--", "python"), "0 is not in the range"),
        (("biopy", "--ntasks", "0", "--", "python"), "0 is not in the range"),
    ],
    ids=str,
)
def test_a_missing_name_or_command_or_a_count_of_0_is_refused(
    owner: Person, words: tuple[str, ...], told: str
) -> None:
    done = owner.stackenv("job", *words, status=2)
    assert told in done.stderr and done.stdout == ""


def test_an_unknown_environment_is_refused(owner: Person) -> None:
    done = owner.stackenv("job", "nosuch", "--", "python", status=1)
    assert "there is no module nosuch" in done.stderr


def test_submit_without_sbatch_fails_with_a_hint(owner: Person, tmp_path: Path) -> None:
    done = owner.stackenv("job", "biopy", "--submit", "--", "python", status=1, PATH=str(tmp_path))
    assert done.stderr.startswith("error: the job was not submitted: sbatch not found on PATH\n\nhint: ")


def test_output_to_a_missing_folder_is_a_warning_and_not_submitted(owner: Person) -> None:
    asked = ("job", "biopy", "--output", "no-such/%j.out")
    done = owner.stackenv(*asked, "--", "python", "x")
    assert done.stderr == (
        "warning: the folder no-such of --output does not exist, and Slurm does not create it: "
        "the job would fail without an error message\nhint: mkdir -p no-such\n"
    )
    done = owner.stackenv(*asked, "--submit", "--", "python", "x", status=2)
    assert "nothing was submitted" in done.stderr and "hint: mkdir -p no-such" in done.stderr
    (owner.home / "there").mkdir()
    for output in ("there/%j.out", "%x/%j.out", "job.out"):
        assert owner.stackenv("job", "biopy", "--output", output, "--", "python", "x").stderr == ""
    for output in ("there", ".", "later/"):
        done = owner.stackenv("job", "biopy", "--output", output, "--submit", "--", "python", "x", status=2)
        assert f"hint: --output {output.rstrip('/')}/%j.out" in done.stderr
    moved = ("--sbatch", "chdir=there", "--output", "sub/%j.out")
    assert "mkdir -p there/sub" in owner.stackenv("job", "biopy", *moved, "--", "python", "x").stderr


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("output=x", "hint: --output VALUE"),
        ("--cpus-per-task=3", "hint: --cpus VALUE"),
        ("array=1-3", "hint: --array VALUE"),
        ("wait", "has no effect in a job script"),
    ],
)
def test_the_sbatch_option_refuses_wait_and_options_of_job_itself(
    owner: Person, word: str, told: str
) -> None:
    done = owner.stackenv("job", "biopy", f"--sbatch={word}", "--", "python", "x", status=2)
    assert done.stdout == "" and told in done.stderr


def test_variables_that_override_the_script_are_reported(owner: Person) -> None:
    asked = ("--sbatch", "qos=long", "--sbatch", "exclusive", "--time", "5")
    set_there = {
        "SBATCH_QOS": "debug",
        "SBATCH_EXCLUSIVE": "user",
        "SBATCH_TIMELIMIT": "1",
        "SBATCH_GRES": "x",
    }
    told = owner.stackenv("job", "biopy", *asked, "--", "python", "x", **set_there).stderr
    names = ["SBATCH_TIMELIMIT", "SBATCH_QOS", "SBATCH_EXCLUSIVE"]
    warned = [line.split()[1] for line in told.splitlines() if line.startswith("warning: ")]
    hints = [line for line in told.splitlines() if line.startswith("hint: ")]
    assert warned == names and hints == [f"hint: unset {name}, or use --submit" for name in names]
