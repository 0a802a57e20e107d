"""What start-up files set and run: conda's two variables, variables of all Pythons, activation at login."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from checking import find, find_one, take_one
from people import Person, write_module

VARIABLES, LOGIN, CONDA = "rc-variables", "conda-at-login", "conda-envs-variables"
GONE = "modules-at-login"


def write(person: Person, name: str, text: str) -> Path:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("name", "line", "variable"),
    [
        (".bashrc", "export PYTHONPATH=$HOME/lib:${PYTHONPATH}", "PYTHONPATH"),
        (".profile", 'PYTHONPATH="$HOME/my lib" # mine', "PYTHONPATH"),
        (".bashrc.d/own.sh", "[ -d ~/x ] && export A=1 PYTHONHOME=~/x", "PYTHONHOME"),
        (".zshenv", "if true; then typeset -x LD_LIBRARY_PATH+=':/opt/lib'; fi", "LD_LIBRARY_PATH"),
        (".cshrc", "setenv LD_LIBRARY_PATH /opt/lib:$LD_LIBRARY_PATH", "LD_LIBRARY_PATH"),
        (".config/fish/config.fish", "test -d /x; and set -gx PYTHONPATH /x $PYTHONPATH", "PYTHONPATH"),
        (".xonshrc", "$PYTHONPATH = ['/x']", "PYTHONPATH"),
    ],
)
def test_variables_that_affect_every_python_are_reported(
    person: Person, name: str, line: str, variable: str
) -> None:
    file = write(person, name, f"# {line}\n\n  {line}\n")
    found = find_one(person, VARIABLES)
    assert (found["where"], found["level"]) == (f"{file}:3", "warning")
    assert found["what"].startswith(f"{variable} is set")


def test_lines_without_effect_on_new_shells_are_not_reported(person: Person) -> None:
    write(
        person,
        ".bashrc",
        "export PYTHONPATH= PYTHONHOME=''\nunset LD_LIBRARY_PATH\nalias p='PYTHONPATH=/x python'\n"
        "PYTHONPATH=/x python -V\nf() { export PYTHONPATH=/x; }\n"
        "function g {\n  export PYTHONHOME=/x\n  conda activate x\n}\nh ()\n{\n conda activate y\n}\n"
        "alias a='conda activate z'\nmodule load Anaconda3\nsource ~/venvs/x/bin/activate_not\n"
        "alias w='cd ~/w && conda activate w; export PYTHONPATH=/x'\n"
        "cat > ~/job <<'EOF'\nconda activate x\nexport PYTHONPATH=/x\nEOF\n"
        "cat <<-END\n\tconda activate x\n\tEND\nexport PYTHONPATH=$PYTHONPATH\n"
        "k() (\n  conda activate x\n)\nl() (conda activate x)\n",
    )
    write(person, ".tcshrc", "alias cx 'module load Anaconda3; conda activate z'\n")
    write(person, ".config/fish/config.fish", "set -e PYTHONPATH\nfunction f\n  conda activate x\nend\n")
    write(person, ".xonshrc", "def f():\n    $PYTHONPATH = 'x'\n\n    x = 1\n")
    write(person, ".cshrc", "unsetenv PYTHONPATH\nsetenv PYTHONPATH\n")
    assert find(person, VARIABLES) + find(person, LOGIN) == []


def test_lines_after_a_function_are_reported(person: Person) -> None:
    file = write(
        person, ".bashrc", "f() {\n  :\n}\nexport PYTHONPATH=/x\nmodule load Anaconda3; conda activate x\n"
    )
    fish = write(person, ".config/fish/config.fish", "function f\n  :\nend\nconda activate x\n")
    xonsh = write(person, ".xonshrc", "def f():\n    pass\n$PYTHONHOME = '/x'\n")
    assert [f["where"] for f in find(person, VARIABLES)] == [f"{file}:4", f"{xonsh}:3"]
    first, second = find(person, LOGIN)
    assert (first["where"], second["where"]) == (f"{file}:5", f"{fish}:4")
    assert "`module load Anaconda3` in line 5" in first["what"]


@pytest.mark.parametrize(
    "line",
    [
        *("f() { :; } # mine", "f() { :; };", "f() (\n:\n)", "cat <<EOF\nx\nEOF", 'echo "<<EOF"', "f() {"),
        *("echo don\\'t", "x=$((1<<y))", "read a <<< b"),
    ],
)
def test_a_line_after_difficult_syntax_is_reported(person: Person, line: str) -> None:
    file = write(person, ".bashrc", f"{line}\nconda activate x\n")
    assert find_one(person, LOGIN)["where"] == f"{file}:{line.count(chr(10)) + 2}"


@pytest.mark.parametrize(
    "line", ["source activate x", "source ~/miniforge3/bin/activate x", "mamba activate x"]
)
def test_activation_at_login_is_reported(person: Person, line: str) -> None:
    file = write(person, ".bash_profile", f"{line}\n")
    assert find_one(person, LOGIN)["where"] == f"{file}:1"


def test_conda_envs_path_and_conda_envs_dirs_set_together_are_reported(
    person: Person, own_conda: Path, tmp_path: Path
) -> None:
    file = write(person, ".bashrc", "export CONDA_ENVS_DIRS=/mine\n")
    conda = [own_conda / "bin/conda", "env", "list"]
    both = {"CONDA_ENVS_PATH": "/a:/b", "CONDA_ENVS_DIRS": "/mine"}
    modules = tmp_path / "more"
    site = type(person.site)(str(modules), tmp_path, tmp_path)
    write_module(site, "Workspace/1", tmp_path, "", "CONDA_ENVS_PATH", "envs")
    loaded = {"LOADEDMODULES": "Workspace/1", "_LMFILES_": str(modules / "Workspace/1.lua")}
    found = take_one(find(person, CONDA, **both, **loaded))
    assert (found["level"], found["module"]) == ("broken", "")
    assert found["where"] == f"CONDA_ENVS_PATH: module Workspace/1; CONDA_ENVS_DIRS: {file}:1"
    environ = {**person.environ, **both}
    failed = subprocess.run(conda, env=environ, capture_output=True, text=True, check=False)
    assert "MultipleKeysError" in failed.stderr
    typed = found["hint"].rpartition("; permanently")[0]
    script = f'{typed}; "$@" && env'
    fixed = subprocess.run(
        ["sh", "-c", script, "sh", *conda], env=environ, capture_output=True, text=True, check=True
    )
    assert "CONDA_ENVS_PATH=/a:/b:/mine\n" in fixed.stdout
    for name, value in both.items():
        assert find(person, CONDA, **{name: value}) == []


def test_loads_of_unknown_modules_at_login_are_reported(person: Person) -> None:
    folder = person.home / "more"
    site = type(person.site)(str(folder), person.home, person.home)
    write_module(site, "Deep/2", person.home, "", "DEEP", "lib")
    write_module(
        person.site, "Compiler/1", person.home, f'prepend_path("MODULEPATH", "{folder}")', "COMPILER", "lib"
    )
    own = person.modules / "mine/1.0.lua"
    own.parent.mkdir(parents=True)
    own.write_text('setenv("MINE", "1")\n')
    file = write(
        person,
        ".bashrc",
        "module load Bundle/1 Extra\nml Compiler Deep/2\nml mine\nmodule use ~/used\nml there/1\n"
        "module load Bundle/0 GONE Extra\n",
    )
    used = person.home / "used/there/1.lua"
    used.parent.mkdir(parents=True)
    used.write_text("")
    found = find_one(person, GONE)
    assert (found["where"], found["level"]) == (f"{file}:6", "broken")
    assert "`module load Bundle/0 GONE Extra`, but Bundle/0, GONE are not available" in found["what"]
    assert "Bundle/next, Bundle/1, Bundle/2" in found["hint"]
    # The same line in a shell: none of its modules is loaded.
    done = person.shell("module load Bundle/0 GONE Extra; echo ${EXTRA-nothing}")
    assert done.stdout == "nothing\n" and "unknown" in done.stderr
    used.unlink()
    used.parent.rmdir()
    used.parent.parent.rmdir()
    first, _ = find(person, GONE)
    assert first["where"] == f"{file}:5" and str(person.home / "used") in first["what"]
    assert first["what"].startswith("each new shell runs") and first["why"].endswith("login and in each job")
    file.write_text("[[ $- == *i* ]] || return\nmodule load GONE\nexec zsh\nmodule load GONE\n")
    behind = take_one(find(person, GONE))
    assert behind["what"].startswith("each new interactive shell runs `module load GONE`")
    assert behind["why"].endswith("prints an error at each login")
    # With an unknown folder of modules, it is unclear what a new shell would find.
    write(person, ".zshrc", "module use $SOMEWHERE/modules\n")
    assert find(person, GONE) == []
