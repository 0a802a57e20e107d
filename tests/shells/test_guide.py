"""The commands of the site's guide, typed unchanged, with a real channel."""

from __future__ import annotations

import pytest
from built import CHANNEL
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

LOAD = "module load Anaconda3"
UNLOAD = "module unload Anaconda3"
HOOKS = {
    "sh": 'eval "$({conda} shell.{shell} hook)"',
    "csh": "eval `{conda} shell.tcsh hook`",
    "fish": "{conda} shell.fish hook | source",
}


@pytest.fixture
def guide(session, stack):
    """A session in which conda asks no questions; the site's condarc names the embedded channel."""
    session.environ = {**session.environ, "CONDA_ALWAYS_YES": "true", "CONDA_QUIET": "true"}
    return session


def hook_line(session, conda: str = "conda") -> str:
    name = {"mksh": "posix", "ksh": "posix", "dash": "posix"}.get(session.dialect.name, session.dialect.name)
    return HOOKS[session.dialect.family].format(conda=conda, shell=name)


def which(session, program: str) -> str:
    return f"which {program}" if session.dialect.family == "csh" else f"command -v {program}"


def test_create_activate_install_and_deactivate_work(guide, stack) -> None:
    result = (
        guide.snapshot("before")
        .check(LOAD, "conda create --name pandas")
        .do("cd /")
        .check("conda activate pandas", f"conda install --channel {CHANNEL} pandas pip")
        .do(which(guide, "python"), which(guide, "pip"))
        .check("conda deactivate", UNLOAD)
        .do(f"cd {guide.folder}")
        .snapshot("after")
        .run(300)
    )
    assert result.statuses == [0] * 6, result.stdout + result.stderr
    prefix = stack.environments / "pandas"
    assert result.stdout.splitlines()[-2:] == [f"{prefix}/bin/python", f"{prefix}/bin/pip"]
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_the_hook_line_of_the_guide_changes_nothing(guide, stack) -> None:
    result = (
        guide.snapshot("before")
        .check(LOAD)
        .snapshot("loaded")
        .do(hook_line(guide))
        .snapshot("hooked")
        .check("conda activate one")
        .do("python")
        .check("conda deactivate", UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.stdout == "python of one\n", result.stderr
    assert differences(result.snapshots["loaded"], result.snapshots["hooked"]) == {}
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize("active", [0, 1])
def test_unload_removes_condas_own_hook(guide, stack, active: int) -> None:
    if guide.dialect.name in ("ksh", "mksh", "tcsh", "fish"):
        # conda.sh needs `local`, which ksh and mksh lack.
        pytest.skip("the embedded conda has no hook of its own for this shell")
    conda = f"{stack.root('2024.02-1')}/bin/conda"
    guide.snapshot("before").check("module load Anaconda3/2024.02-1").do(hook_line(guide, conda))
    guide.snapshot("hooked")
    if active:
        guide.do("conda activate one", "python")
    result = guide.check(UNLOAD).snapshot("after").run()
    assert any("__conda_activate" in line for line in result.snapshots["hooked"].functions)
    assert result.snapshots["hooked"].environment["CONDA_DEFAULT_ENV"] == "base"
    assert ("python of one" in result.stdout) == bool(active)
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}, result.stderr


def test_source_activate_of_old_scripts_works(guide, stack) -> None:
    if guide.dialect.name not in ("bash", "zsh"):
        pytest.skip("only bash and zsh know `source`, and take its arguments")
    result = (
        guide.snapshot("before")
        .check("module load Anaconda3/2024.02-1")
        .do("source activate one", "python")
        .check(UNLOAD)
        .snapshot("after")
        .run()
    )
    assert "python of one" in result.stdout, result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}, result.stderr


@pytest.mark.any_value("dialect")
def test_conda_clean_all_removes_archives_and_keeps_environments(guide, stack) -> None:
    result = guide.check(LOAD, "conda create --name plain plain", "conda clean --all").run(300)
    assert result.statuses == [0, 0, 0], result.stdout + result.stderr
    archives = [path.name for path in (stack.home / "conda/pkgs").glob("*.tar.bz2")]
    assert archives == []
    assert (stack.environments / "plain/bin/plain-tool").exists()


def test_an_environment_without_pip_never_uses_another_pip(guide, stack) -> None:
    result = (
        guide.check(LOAD, "conda create --name empty", "conda activate empty")
        .check("pip --version", "pip3 install something")
        .check("conda deactivate")
        .run(300)
    )
    assert [status != 0 for status in result.statuses] == [False, False, False, True, True, False]
    assert "the conda environment empty has no pip" in result.stderr
    assert "conda install pip" in result.stderr
    assert not (stack.home / ".local/lib").exists()


@pytest.mark.any_value("dialect")
def test_an_environment_with_pip_uses_its_own_pip(guide, stack) -> None:
    result = (
        guide.check(LOAD, f"conda create --name own -c {CHANNEL} python pip", "conda activate own")
        .check("pip --version")
        .run(300)
    )
    assert result.statuses == [0] * 4, result.stderr
    assert f"{stack.environments}/own/lib" in result.stdout


def test_user_packages_are_hidden_in_environments_but_not_in_base(guide, stack) -> None:
    result = (
        guide.export("PYTHONNOUSERSITE", "")
        .check(LOAD)
        .snapshot("base")
        .check("conda activate one")
        .snapshot("one")
        .check("conda activate base")
        .snapshot("base-active")
        .check("conda activate two")
        .snapshot("two")
        .check("conda deactivate", "conda deactivate", "conda deactivate")
        .snapshot("left")
        .run()
    )
    seen = {name: shot.environment.get("PYTHONNOUSERSITE") for name, shot in result.snapshots.items()}
    assert seen == {"base": "", "one": "1", "base-active": "", "two": "1", "left": ""}, result.stderr


def test_conda_init_is_refused_with_an_explanation(guide, stack) -> None:
    result = guide.check(LOAD, "conda init").run()
    assert result.statuses == [0, 1]
    assert "`conda init` is not needed here" in result.stderr
    assert "`module load Anaconda3/2024.02-1` provides `conda`" in result.stderr
    # fish creates folders of its own.
    assert {path.name for path in stack.home.iterdir()} - {".config", ".local", ".cache"} == {"conda"}
    assert not (stack.home / ".config/fish/config.fish").exists()


def test_the_update_loop_updates_a_named_environment_despite_errors(guide, stack) -> None:
    """With conda 24.7.1, the guide's loop works, but shows errors.

    Environments without the package, base, and unnamed environments each cause an error, after which the
    loop goes on. From conda 25.9 on, `conda env list` has more header lines, so that the loop also treats
    their `#` as a name. `stackenv update` will replace the loop.
    """
    if guide.dialect.family != "sh":
        pytest.skip("the guide's loop is sh")
    result = (
        guide.check(LOAD, "conda create --name old dependent=1.0")
        .do("for e in $(conda env list | awk 'FNR>2 {print $1}'); do conda update --name $e dependent; done")
        .check("conda activate old", "dependent-tool")
        .run(300)
    )
    assert result.stdout.splitlines()[-1].split()[-1] == "2.0", result.stdout + result.stderr
    assert "PackageNotInstalledError" in result.stderr
