"""`stackenv job`: the script that it prints, run by bash without Slurm; tests/slurm runs it with Slurm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from built import LMOD
from people import CHECKOUT, COMMAND, INIT, Person

PACKAGE = str(Path(LMOD).parents[1])
SITE = """\
version: 1
jobs:
  partitions: [epyc2, bdw]
  time: "1:00:00"
  account_hint: "gratis, paygo, invest or teaching"
  header: ["#SBATCH --qos=normal", "ulimit -c 0"]
"""
PLAIN = r"""
#!/bin/bash
#SBATCH --job-name=biopy
#SBATCH --cpus-per-task=1
# Written by `stackenv job`. Edit it as you like; to submit it: sbatch FILE

# If this is submitted inside another job: drop what that job passes on.
unset "${!SLURM_STEP@}" "${!SLURM_CPU_BIND@}" SLURM_MEM_PER_CPU SLURM_MEM_PER_GPU SLURM_MEM_PER_NODE
if [ -n "${SLURM_ARRAY_TASK_ID-}" ] &&
    scontrol --oneliner show job "$SLURM_JOB_ID" | grep -qv ArrayTaskId=; then
    unset "${!SLURM_ARRAY_@}"
fi

# Load the module biopy/1.0, whatever is loaded where this is submitted.
[ -n "${LMOD_PKG-}" ] || LMOD_PKG=PACKAGE
command -v module >/dev/null || . "$LMOD_PKG/init/bash" || exit
module --quiet purge
# Deactivate what is active where this is submitted, and reset where Python looks.
for active in VIRTUAL_ENV "${!CONDA_PREFIX@}"; do
    while [[ -n ${!active-} && :$PATH: == *":${!active}/bin:"* ]]; do
        PATH=:$PATH: && PATH=${PATH/":${!active}/bin:"/:} && PATH=${PATH#:} && PATH=${PATH%:}
    done
done
unset "${!CONDA_PREFIX_@}" \
    VIRTUAL_ENV VIRTUAL_ENV_PROMPT CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL CONDA_PROMPT_MODIFIER \
    CONDA_EXE CONDA_PYTHON_EXE _CE_CONDA _CE_M PYTHONPATH EBPYTHONPREFIXES PYTHONHOME PYTHONPLATLIBDIR \
    PYTHONEXECUTABLE
for folder in MODULEPATH; do
    case ":${MODULEPATH-}:" in *":$folder:"*) ;; *) module use --append "$folder" ;; esac
done
module use HOME/modules
module load biopy/1.0 || exit

# As many threads as CPUs; srun's tasks get the same CPUs and the same environment.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}" SLURM_EXPORT_ENV=ALL
export OMP_NUM_THREADS="$SRUN_CPUS_PER_TASK"
export OPENBLAS_NUM_THREADS="$SRUN_CPUS_PER_TASK"
export MKL_NUM_THREADS="$SRUN_CPUS_PER_TASK"
export NUMEXPR_NUM_THREADS="$SRUN_CPUS_PER_TASK"
export NUMEXPR_MAX_THREADS="$SRUN_CPUS_PER_TASK"

python script.py
"""
FULL = """\
#!/bin/bash
#SBATCH --job-name=deep
#SBATCH --partition=gpu
#SBATCH --account=paygo
#SBATCH --nodes=2-4
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=4
#SBATCH --gpus=a100:2
#SBATCH --mem=8G
#SBATCH --time=1-12
#SBATCH --array=1-20%5
#SBATCH --output=%x-%j.out
#SBATCH --qos=long
#SBATCH --exclusive
#SBATCH --gres=gpu:1
# Written"""
# Words that a shell, sbatch or Lmod could treat as its own syntax.
HOSTILE = [
    *(
        "a b",
        "",
        "$HOME",
        "'",
        '"',
        "\\",
        "`id`",
        "$(id)",
        "a\nexit 9\n#SBATCH --partition=nowhere\n",
        "*",
        "~",
    ),
    *("!!", "=ls", "#x", "-n", "--", "&& exit 9", ";", "|", "ä", "\t", "{a,b}", "[a]", "<(id)", "$'x'"),
]
ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"
WHERE = "import os, sys, tiny_own, tiny_stack; print(sys.prefix, os.environ['OMP_NUM_THREADS'])"


def run_script(
    person: Person, script: str, before: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run `script` as Slurm does, by its first line, from a shell that has run `before`."""
    path = person.home / "job.sh"
    path.write_text(script)
    path.chmod(0o755)
    return subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", f"{before}\nexec ./job.sh"],
        env={"HOME": str(person.home), "PATH": "/usr/bin:/bin", **environ},
        cwd=person.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_plain_script_has_exactly_the_expected_text(owner: Person) -> None:
    done = owner.stackenv("job", "biopy", "--", "python", "script.py")
    expected = PLAIN.lstrip("\n")
    for name, value in {
        "PACKAGE": PACKAGE,
        "in MODULEPATH": f"in {owner.site.modulepath}",
        "use HOME": f"use {owner.home}",
    }.items():
        expected = expected.replace(name, value)
    assert (done.stdout, done.stderr) == (expected, "")


def test_each_option_becomes_a_line_of_the_script(owner: Person) -> None:
    words = (
        "--partition gpu --account paygo --nodes 2-4 --ntasks 8 --cpus 4 --mem 8G --time 1-12 --array 1-20%5 "
        "--gpus a100:2 -J deep -o %x-%j.out --sbatch qos=long --sbatch exclusive --sbatch=--gres=gpu:1"
    )
    script = owner.stackenv("job", "biopy/1.0", *words.split(), "--", "python", "script.py").stdout
    assert script.startswith(FULL)
    assert script.endswith("\nsrun python script.py\n")


@pytest.mark.parametrize(
    ("options", "started"),
    [
        ((), "python x"),
        (("--nodes", "1"), "python x"),
        (("--nodes", "1", "--ntasks", "1"), "python x"),
        (("--nodes", "01"), "python x"),
        (("--nodes", "1-1"), "python x"),
        (("--nodes", "1-2"), "srun python x"),
        (("--nodes", "2"), "srun python x"),
        (("--ntasks", "2"), "srun python x"),
    ],
    ids=str,
)
def test_srun_is_used_only_for_several_tasks_or_nodes(
    owner: Person, options: tuple[str, ...], started: str
) -> None:
    script = owner.stackenv("job", "biopy", *options, "--", "python", "x").stdout
    assert script.splitlines()[-1] == started


def test_site_defaults_are_used_unless_options_override_them(owner: Person, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    changes = {"STACKENV_SITE_CONFIG": str(tmp_path / "site.yaml")}
    script = owner.stackenv("job", "biopy", "--", "python", "x", **changes).stdout
    assert script.splitlines()[1:8] == [
        "#SBATCH --job-name=biopy",
        "#SBATCH --partition=epyc2,bdw",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --time=1:00:00",
        "# --account: gratis, paygo, invest or teaching",
        "#SBATCH --qos=normal",
        "ulimit -c 0",
    ]
    asked = ("--partition", "gpu", "--time", "5", "--account", "paygo")
    script = owner.stackenv("job", "biopy", *asked, "--", "python", "x", **changes).stdout
    assert script.splitlines()[2:6] == [
        "#SBATCH --partition=gpu",
        "#SBATCH --account=paygo",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --time=5",
    ]
    assert "gratis" not in script and "#SBATCH --qos=normal" in script


def test_the_ubelix_configuration_sets_the_partitions_of_its_guide(owner: Person) -> None:
    changes = {"STACKENV_SITE_CONFIG": str(CHECKOUT / "site-config/ubelix.yaml")}
    script = owner.stackenv("job", "biopy", "--", "python", "x", **changes).stdout
    assert "\n#SBATCH --partition=epyc2,bdw\n" in script


ACTIVE = """\
mkdir -p ~/conda/bin ~/conda/envs/deep/bin ~/old/bin ~/poison/tiny_own
for there in ~/conda ~/conda/envs/deep ~/old; do
    printf '#!/bin/sh\\necho %s\\n' "$there" >$there/bin/which-one
    chmod +x $there/bin/which-one
done
echo 'raise SystemExit("the poisoned")' >~/poison/tiny_own/__init__.py
export CONDA_PREFIX=~/conda/envs/deep CONDA_PREFIX_1=~/conda CONDA_SHLVL=2 CONDA_DEFAULT_ENV=deep
export VIRTUAL_ENV=~/old PYTHONPATH=~/poison PYTHONHOME=/nowhere
export PATH=~/conda/envs/deep/bin:~/conda/bin:~/old/bin:$PATH:~/conda/bin
"""
BEFORE = {
    "nothing, without a MODULEPATH": "",
    "Lmod": f'. "{INIT}"',
    "Lmod, and another environment": f'. "{INIT}"; module use ~/modules; module load other',
    "Lmod, and other modules": f'. "{INIT}"; module load Bundle/next Extra/1',
}


@pytest.mark.parametrize("before", list(BEFORE))
def test_the_job_uses_its_environment_whatever_was_loaded_before(owner: Person, before: str) -> None:
    if not (owner.modules / "other").exists():
        owner.create("other", module="Bundle/next")
    script = owner.stackenv("job", "biopy", "--cpus", "3", "--", "python", "-c", WHERE).stdout
    environ = {} if before.startswith("nothing") else {"MODULEPATH": owner.site.modulepath}
    done = run_script(owner, script, BEFORE[before], **environ)
    assert (done.stdout.split(), done.stderr) == ([str(owner.home / "venvs/biopy-1.0"), "3"], "")


def test_active_conda_and_venv_environments_are_deactivated(owner: Person) -> None:
    """They were activated without a module: conda by its init block, a venv, and a PYTHONPATH."""
    shown = 'echo "${CONDA_PREFIX-}${CONDA_PREFIX_1-}${PYTHONHOME-}"; which-one || echo none'
    asked = f'python -c "{WHERE}"; {shown}'
    done = run_script(owner, owner.stackenv("job", "biopy", "--", "sh", "-c", asked).stdout, ACTIVE)
    assert done.stdout == f"{owner.home}/venvs/biopy-1.0 1\n\nnone\n", done.stderr


def test_modulepath_keeps_its_order(owner: Person) -> None:
    script = owner.stackenv("job", "biopy", "--", "sh", "-c", "echo $MODULEPATH").stdout
    done = run_script(owner, script, MODULEPATH=f"/first:{owner.site.modulepath}:/last")
    assert done.stdout == f"{owner.modules}:/first:{owner.site.modulepath}:/last\n"


def test_words_of_the_command_arrive_unchanged(owner: Person) -> None:
    script = owner.stackenv("job", "biopy", "--", "python", "-c", ARGUMENTS, *HOSTILE).stdout
    done = run_script(owner, script)
    assert (json.loads(done.stdout), done.stderr) == (HOSTILE, "")


def test_bytes_that_are_not_text_arrive_unchanged(owner: Person) -> None:
    printed = subprocess.run(
        [COMMAND, "job", "biopy", "--", "printf", "%s", b"\xff\xfe"],
        env=owner.environ,
        capture_output=True,
        check=True,
    )
    path = owner.home / "bytes.sh"
    path.write_bytes(printed.stdout)
    assert subprocess.run(["bash", path], env=owner.environ, capture_output=True).stdout == b"\xff\xfe"


@pytest.mark.parametrize("word", ["if", "while", "case", "{", "!", "A=1", "a;b"])
def test_the_first_word_is_never_treated_as_shell_syntax(owner: Person, word: str) -> None:
    done = run_script(owner, owner.stackenv("job", "biopy", "--", word, "x").stdout)
    assert done.returncode == 127
    assert f"{word}: command not found" in done.stderr


def test_a_module_that_does_not_load_ends_the_job(owner: Person) -> None:
    script = owner.stackenv("job", "biopy", "--", "echo", "it ran").stdout
    folder = owner.home / "venvs/biopy-1.0"
    folder.rename(folder.with_name("aside"))
    try:
        done = run_script(owner, script)
    finally:
        folder.with_name("aside").rename(folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"its folder, {folder}, is gone" in " ".join(done.stderr.split())


def test_a_node_without_lmod_ends_the_job(owner: Person) -> None:
    script = owner.stackenv("job", "biopy", "--", "echo", "it ran").stdout
    done = run_script(owner, script, LMOD_PKG="/nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere/init/bash: No such file or directory" in done.stderr
