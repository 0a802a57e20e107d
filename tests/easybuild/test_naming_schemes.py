"""The hook with other module naming schemes than EasyBuild's default: a hierarchy, and a folder per class."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from runner import CHECKOUT, FAILING_HOOKS, LMOD, VERSIONS, EasyBuild, make_easybuild

from stackenv import __version__

sys.path.insert(0, str(CHECKOUT / "tests/shells"))

from dialects import DIALECTS

MODULE = "Anaconda3/2024.02-1"
# The folder that users pass to `module use`, and the prefix of the name there. The third is EasyBuild's
# default, whose modules/lang has links to the modulefiles.
SCHEMES = {
    "HierarchicalMNS": ("all/Core", ""),
    "CategorizedModuleNamingScheme": ("all", "lang/"),
    "EasyBuildMNS": ("lang", ""),
}
OLD = "-- the modulefile of an earlier build\n"
IN_MODULES = """\
module load {name}
conda activate base
echo $CONDA_PREFIX
module unload {name}
type conda
"""


@pytest.fixture(scope="module", params=list(SCHEMES))
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=list(VERSIONS))
def site(request, scheme: str, tmp_path_factory: pytest.TempPathFactory) -> EasyBuild:
    """A software tree of the scheme with a built Anaconda3, whose modulefile is left unchanged."""
    easybuild = make_easybuild(request.param, tmp_path_factory.mktemp("scheme"))
    easybuild.build(f"--module-naming-scheme={scheme}")
    return easybuild


@pytest.fixture
def module(site: EasyBuild, scheme: str):
    """The modulefile, restored afterwards."""
    folder, front = SCHEMES[scheme]
    path = (site.prefix / "modules" / folder / f"{front}{MODULE}.lua").resolve()
    text = path.read_bytes()
    yield path
    path.write_bytes(text)


def in_bash(script: str, modulepath: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", f"{DIALECTS['bash'].start(LMOD)}\n{script}"],
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "MODULEPATH": str(modulepath)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.each_value("scheme", "site")
def test_users_load_the_schemes_short_name_and_messages_show_it(site, scheme, module) -> None:
    root = site.prefix / "software" / MODULE
    assert module.read_text().count(f"stackenv {__version__} sha256:") == 1
    folder, front = SCHEMES[scheme]
    modulepath = site.prefix / "modules" / folder
    used = in_bash(IN_MODULES.format(name=f"{front}Anaconda3"), modulepath)
    assert used.stdout == f"{root}\n", used.stderr
    assert "conda: not found" in used.stderr
    # A script that has inherited the module but not the function gets a message that says what to add.
    told = in_bash(f"module load {front}Anaconda3; unset -f conda; conda activate x", modulepath)
    assert f"`module load {front}{MODULE}`" in told.stderr


@pytest.mark.each_value("scheme", "site")
def test_a_module_is_updated_and_the_old_one_restored_if_the_update_fails(site, scheme, module) -> None:
    options = (f"--module-naming-scheme={scheme}", "--module-only", "--force")
    before = module.read_bytes()
    site.build(*options)
    assert module.read_bytes() == before
    module.write_text(OLD)
    done = site.build(*options, hooks=FAILING_HOOKS, check=False, FAIL_IN="post_module")
    assert done.returncode != 0
    assert module.read_text() == OLD
    crashed = site.build(*options, hooks=FAILING_HOOKS, check=False, FAIL_IN="post_ready", CRASH="1")
    assert crashed.returncode == 9 and not module.exists()
    for lock in (site.prefix / "software/.locks").iterdir():
        lock.rmdir()
    done = site.build(*options)
    assert "an earlier eb was killed" in done.stdout + done.stderr
    assert module.read_bytes() == before
    assert not (site.prefix / "software/.stackenv-kept").exists()
