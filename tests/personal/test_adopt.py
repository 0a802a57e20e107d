"""`stackenv adopt` for venvs by venv, virtualenv and uv: the module of their Python is found and checked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from stacked import open_stack
from trees import describe_tree
from users import User, make_user

from stackenv.environments.venv import find_python_module
from stackenv.errors import ModuleError
from stackenv.lmod.bindings import Lmod

MAKERS = {
    "venv": "python -m venv {path}",
    "venv --copies": "python -m venv --copies --without-pip {path}",
    "virtualenv": "virtualenv -q --no-periodic-update --never-download -p $(command -v python) {path}",
    "uv": "uv venv -q -p python {path}",
    "uv --seed": "uv venv -q --no-index --find-links {wheels} --seed -p python {path}",
}


@pytest.fixture(scope="module", params=["first", "next"])
def owner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user who has a venv by each maker, of the Python of one of the two generations."""
    stack = open_stack("eb5-pythonpath" if request.param == "first" else "eb4-prefixes")
    user = make_user(tmp_path_factory.mktemp(request.param), stack)
    (user.home / "generation").write_text(request.param)
    script = "".join(
        f"{line.format(path=path_of(maker), wheels=stack.wheels)} || exit 1\n"
        for maker, line in MAKERS.items()
    )
    made = user.run(f"module load {python_of(user)}\n{script}")
    assert made.returncode == 0, made.stderr + made.stdout
    return user


def path_of(maker: str) -> str:
    return "venvs/" + maker.replace(" --", "-")


def python_of(user: User) -> str:
    first = (user.home / "generation").read_text() == "first"
    return user.stack.python_module if first else user.stack.next_python_module


def bundles_of(user: User) -> tuple[str, str]:
    """Return the bundle that matches the user's Python, and the one that does not."""
    both = (user.stack.bundle_module, user.stack.next_bundle_module)
    return both if python_of(user) == user.stack.python_module else (both[1], both[0])


@pytest.mark.each_pair("owner", "maker", "loaded")
@pytest.mark.parametrize("loaded", ["nothing", "its bundle", "the other generation", "no Python"])
@pytest.mark.parametrize("maker", MAKERS)
def test_the_module_of_the_venvs_python_is_found_whatever_is_loaded(
    owner: User, maker: str, loaded: str
) -> None:
    bundle, other = bundles_of(owner)
    load = {
        "nothing": [],
        "its bundle": [bundle],
        "the other generation": [other],
        "no Python": [owner.stack.other_module],
    }[loaded]
    told = owner.stackenv("adopt", path_of(maker), "it", "--dry-run", load=load)
    assert told.returncode == 0, told.stderr
    standing = {
        "its bundle": bundle,
        "no Python": f"{python_of(owner)}, {owner.stack.other_module}",
    }.get(loaded, python_of(owner))
    assert (
        f"Python comes from the module {python_of(owner)}; the environment is based on {standing}\n"
        in told.stderr
    )
    assert (f"{other}): they do not match the environment's Python" in told.stderr) == (
        loaded == "the other generation"
    )
    assert not owner.modules.exists()


@pytest.mark.parametrize("maker", MAKERS)
def test_an_adopted_venv_loads_with_its_bundle_in_a_fresh_shell(owner: User, maker: str) -> None:
    bundle, _ = bundles_of(owner)
    name = path_of(maker).removeprefix("venvs/")
    adopted = owner.stackenv("adopt", path_of(maker), "-m", bundle)
    assert adopted.returncode == 0, adopted.stderr
    used = owner.run(
        f"{adopted.stdout.strip()} && python -c 'import numpy, sys; print(sys.prefix, numpy.__file__)'"
    )
    assert used.stdout.split() == [
        str(owner.home / path_of(maker)),
        f"{owner.stack.software}/{bundle}/lib/python3.11/site-packages/numpy/__init__.py",
    ], used.stderr
    assert adopted.stdout == f"ml use ~/modules; ml {name}\n"


@pytest.fixture
def venv(user: User) -> Path:
    """A venv of the first Python, with one package and without pip."""
    wheels = user.stack.wheels
    made = user.run(
        f"module load {user.stack.python_module}; python -m venv --without-pip mine && "
        f"uv pip install -q --no-index --find-links {wheels} --python mine packaging==24.2"
    )
    assert made.returncode == 0, made.stderr
    return user.home / "mine"


def write_module(user: User, full_name: str, *lines: str) -> Path:
    path = user.home / "site" / f"{full_name}.lua"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def adopt_beside(user: User, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `stackenv adopt` where the modules of `write_module` are found first."""
    return user.stackenv("adopt", *arguments, MODULEPATH=f"{user.home}/site:{user.stack.modulepath}")


def test_modules_that_only_seem_to_provide_the_python_are_not_chosen(user: User, venv: Path) -> None:
    right = f"{user.stack.software}/{user.stack.python_module}"
    other = f"{user.stack.software}/{user.stack.next_python_module}"
    write_module(user, "Python/9.9", f'prepend_path("PATH", "{other}/bin")')
    write_module(user, "Python/8.8", f'setenv("EBROOTPYTHON", "{right}")', 'prepend_path("PATH", "/usr/bin")')
    # This one puts the right folder on PATH, and another in front of it.
    write_module(
        user,
        "Python/10.0",
        f'prepend_path("PATH", "{right}/bin")',
        f'prepend_path("PATH", "{other}/bin")',
    )
    told = adopt_beside(user, "mine", "--dry-run")
    assert f"its Python comes from the module {user.stack.python_module};" in told.stderr, told.stderr


def test_the_module_called_python_is_chosen_among_several_with_the_same_python(
    user: User, venv: Path
) -> None:
    right = f"{user.stack.software}/{user.stack.python_module}"
    for name in ("AAA/1", "python-tools/99", "zzz/1"):
        write_module(user, name, f'prepend_path("PATH", "{right}/bin")')
    told = adopt_beside(user, "mine", "--dry-run")
    assert f"its Python comes from the module {user.stack.python_module};" in told.stderr, told.stderr


def test_find_python_module_works_although_a_module_hangs_in_spider(user: User) -> None:
    """This calls the function, because the command gives spider a minute."""
    write_module(user, "hangs/1", 'if (mode() == "spider") then capture("sleep 600") end')
    environ = {**user.environ, "MODULEPATH": f"{user.home}/site:{user.stack.modulepath}"}
    with pytest.raises(ModuleError, match="did not end within 2 s"):
        Lmod.find(environ, timeout_s=2).spider_reverse_map()
    python = Path(user.stack.software, user.stack.python_module, "bin/python").resolve()
    # It asks Lmod for more than that, and also has to finish on a busy machine.
    assert find_python_module(Lmod.find(environ, timeout_s=15), str(python)) == (user.stack.python_module,)


@pytest.mark.matrix
def test_adopt_works_although_a_module_hangs_in_spider(user: User, venv: Path) -> None:
    """The command gives spider a minute."""
    write_module(user, "hangs/1", 'if (mode() == "spider") then capture("sleep 600") end')
    told = adopt_beside(user, "mine", "--dry-run")
    assert f"its Python comes from the module {user.stack.python_module};" in told.stderr, told.stderr


def test_modules_with_another_python_are_refused(user: User, venv: Path) -> None:
    before = describe_tree(user.home)
    refused = user.stackenv("adopt", "mine", "-m", user.stack.next_bundle_module)
    assert refused.returncode == 1, refused.stderr
    told = f"created with the Python of {user.stack.python_module}, but {user.stack.next_bundle_module} "
    assert told in refused.stderr
    assert describe_tree(user.home) == before


def test_a_venv_on_the_os_python_is_adopted_with_a_warning(user: User) -> None:
    assert user.run("/usr/bin/python3 -m venv --without-pip old").returncode == 0
    adopted = user.stackenv("adopt", "old")
    assert adopted.returncode == 0, adopted.stderr
    assert "warning: its Python is the operating system's" in adopted.stderr
    used = user.run(f"{adopted.stdout.strip()} && python -c 'import sys; print(sys.prefix)'")
    assert used.stdout.strip() == str(user.home / "old"), used.stderr


def test_a_bundle_is_refused_for_a_venv_on_the_os_python(user: User) -> None:
    assert user.run("/usr/bin/python3 -m venv --without-pip old").returncode == 0
    refused = user.stackenv("adopt", "old", "-m", user.stack.bundle_module)
    assert refused.returncode == 1 and "provides another Python" in refused.stderr, refused.stderr


def test_a_venv_whose_python_is_missing_is_refused_with_a_command_to_recreate_it(
    user: User, venv: Path
) -> None:
    for link in (venv / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/site/software/Python/3.9.6/bin/python3.9")
    before = describe_tree(user.home)
    refused = user.stackenv("adopt", "mine")
    assert refused.returncode == 1
    assert "is based on is gone: /site/software/Python/3.9.6/bin/python3.9" in refused.stderr
    assert "stackenv create NAME packaging==24.2" in refused.stderr
    assert describe_tree(user.home) == before


def test_adopt_reports_each_file_it_writes_and_changes_no_other(user: User, venv: Path) -> None:
    before = describe_tree(venv)
    adopted = user.stackenv("adopt", "mine", "-m", user.stack.bundle_module)
    assert adopted.returncode == 0, adopted.stderr
    after = describe_tree(venv)
    new = {path for path in after if path not in before and not path.startswith("stackenv")}
    # Any start of a Python can add compiled files.
    new = {path for path in new if "__pycache__" not in path}
    assert {path: after[path] for path in before} == before
    stubs = {path for path in new if ".dist-info" in path}
    sentence = next(s for s in adopted.stderr.splitlines() if "write into" in s)
    listed, _, shown = sentence.partition("stackenv, ")[2].partition("; ")
    assert set(listed.split(", ")) == new - stubs, sentence
    # The venv has its own packaging, which needs no stub.
    assert {Path(path).name for path in stubs if path.endswith(".dist-info")} == {"numpy-1.25.1.dist-info"}
    assert shown == "show uv 1 package of the modules"


def test_no_pth_leaves_the_packages_of_the_venv_unchanged(user: User, venv: Path) -> None:
    before = describe_tree(venv / "lib")
    adopted = user.stackenv("adopt", "mine", "--no-pth", "-m", user.stack.bundle_module)
    assert adopted.returncode == 0, adopted.stderr
    assert describe_tree(venv / "lib") == before
    assert user.run(f"{adopted.stdout.strip()} && python -c 'import packaging'").returncode == 0


@pytest.mark.parametrize("kind", ["file", "link"])
def test_the_users_pip_conf_and_sitecustomize_are_kept(user: User, venv: Path, kind: str) -> None:
    site = venv / "lib/python3.11/site-packages/sitecustomize.py"
    site.write_text("import os\nos.environ['MINE'] = '1'\n")
    conf = venv / "pip.conf"
    if kind == "link":
        (user.home / "central.conf").write_text("[global]\ntimeout = 5\n")
        conf.symlink_to(user.home / "central.conf")
    else:
        conf.write_text("[global]\ntimeout = 5\n")
        conf.chmod(0o600)
    before = describe_tree(user.home)
    adopted = user.stackenv("adopt", "mine", "-m", user.stack.bundle_module)
    assert adopted.returncode == 0 and f"{conf} is your own file and is not changed" in adopted.stderr, (
        adopted.stderr
    )
    after = describe_tree(user.home)
    assert {path: after.get(path) for path in before} == before
    used = user.run(f"{adopted.stdout.strip()} && python -c 'import os; print(os.environ[\"MINE\"])'")
    assert used.stdout == "1\n", used.stderr


@pytest.mark.parametrize("own", [True, False])
def test_adopt_warns_when_pip_can_replace_packages_of_the_modules(user: User, venv: Path, own: bool) -> None:
    """With --no-pth a pip.conf by stackenv sets the constraints, but one of the user's own is not changed."""
    if own:
        (venv / "pip.conf").write_text("[global]\ntimeout = 5\n")
    adopted = user.stackenv("adopt", "mine", "--no-pth", "-m", user.stack.bundle_module)
    said = "warning: pip can replace packages of the modules"
    assert (adopted.returncode, said in adopted.stderr) == (0, own), adopted.stderr
    install = "python -m ensurepip >$TMPDIR/log && python -m pip install --dry-run packaging==24.2"
    done = user.run(f"{adopted.stdout.strip()} && {install}")
    assert ("The user requested (constraint) packaging==" in done.stdout + done.stderr) == (not own)
    assert ("Would install packaging-24.2" in done.stdout) == own
    uv = user.run(f"{adopted.stdout.strip()} && uv pip install --no-index --dry-run packaging==24.2")
    assert "you require packaging==" in uv.stderr


def test_adopting_again_is_refused_however_the_path_is_written(user: User, venv: Path) -> None:
    assert user.stackenv("adopt", "mine").returncode == 0
    (user.home / "link").symlink_to("mine")
    before = describe_tree(user.home)
    for way in ("mine/", "./mine", "venvs/../mine", "link", str(venv)):
        again = user.stackenv("adopt", way, "other")
        assert again.returncode == 9 and "already has a module: mine/1.0" in again.stderr, again.stderr
    assert describe_tree(user.home) == before


@pytest.mark.parametrize("way", [".", "../mine/", "bin/.."])
def test_a_venv_given_as_the_current_folder_is_named_after_the_folder(
    user: User, venv: Path, way: str
) -> None:
    adopted = user.run(f"cd mine; stackenv adopt {way}")
    assert adopted.stdout == "ml use ~/modules; ml mine\n", adopted.stderr
    assert user.stackenv("list").stdout.rstrip().endswith(f" {venv}")


def test_dot_venv_folders_get_modules_named_after_their_projects(user: User, venv: Path) -> None:
    for project in ("one", "two"):
        (user.home / project).mkdir()
        assert user.run(f"cp -a mine {project}/.venv").returncode == 0
        adopted = user.run(f"cd {project}; stackenv adopt .venv")
        assert adopted.stdout == f"ml use ~/modules; ml {project}\n", adopted.stderr
    named = user.stackenv("adopt", "mine", "venv")
    assert named.stdout == "ml use ~/modules; ml venv\n", named.stderr


def test_a_moved_environment_adopted_again_keeps_modules_version_and_description(
    user: User, venv: Path
) -> None:
    bundle = user.stack.bundle_module
    first = user.stackenv("adopt", "mine", "it", "--version", "2.1", "--description", "kept", "-m", bundle)
    assert first.returncode == 0
    venv.rename(user.home / "moved")
    gone = user.run("ml use ~/modules; ml it")
    assert "stackenv adopt NEW_PATH it" in " ".join(gone.stderr.split())
    again = user.stackenv("adopt", "moved", "it")
    assert again.returncode == 0, again.stderr
    assert "it/2.1 pointed to" in again.stderr and f"is based on {bundle}" in again.stderr
    used = user.run(f"{again.stdout.strip()} && python -c 'import numpy, sys; print(sys.prefix)'")
    assert used.stdout.strip() == str(user.home / "moved"), used.stderr
    assert user.stackenv("list").stdout.count("\n") == 2
    assert "kept" in user.run("ml use ~/modules; module whatis it 2>&1").stdout


def test_a_moved_environment_with_broken_program_paths_is_adopted_with_a_warning(user: User) -> None:
    made = user.run(f"module load {user.stack.python_module}; python -m venv mine; mv mine moved")
    assert made.returncode == 0
    adopted = user.stackenv("adopt", "moved")
    assert adopted.returncode == 0 and "the Python of 3 programs in" in adopted.stderr, adopted.stderr


def test_a_copied_environment_gets_a_module_of_its_own(user: User, venv: Path) -> None:
    assert user.stackenv("adopt", "mine").returncode == 0
    assert user.run("cp -a mine copy").returncode == 0
    adopted = user.stackenv("adopt", "copy")
    assert adopted.stdout == "ml use ~/modules; ml copy\n", adopted.stderr
    assert user.stackenv("list").stdout.count("\n") == 3


def test_a_read_only_environment_is_refused(user: User, venv: Path) -> None:
    if os.geteuid():
        pytest.skip("a read-only mount takes root")
    script = f"mount --bind {venv} {venv} && mount -o remount,bind,ro {venv} && stackenv adopt mine"
    refused = user.run(f"unshare -m bash -c '{script}'")
    assert refused.returncode == 1 and f"{venv} is not writable" in refused.stderr, refused.stderr
    assert not (venv / "stackenv").exists() and not (user.modules / "mine").exists()


def test_a_folder_or_name_without_an_environment_is_refused(user: User) -> None:
    (user.home / "plain").mkdir()
    refused = user.stackenv("adopt", "plain")
    assert refused.returncode == 2 and "neither pyvenv.cfg (venv) nor conda-meta" in refused.stderr
    refused = user.stackenv("adopt", "nothing")
    assert refused.returncode == 2 and "no conda environment named nothing" in refused.stderr
