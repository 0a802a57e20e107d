"""`stackenv create --uv`: uv installs the packages, under the same constraints as pip."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from stacked import STACKS, WORK, open_stack
from users import User, make_user
from wheels import make_wheel

NEWEST = WORK / "venv/bin/uv"
A_YEAR_OLD = WORK / "installers/bin/uv"
WITHOUT_UV = "/usr/bin:/bin"
# The kernel refuses it (ENOEXEC), like a program for another machine.
OF_ANOTHER_MACHINE = b"\x7fELF\x02\x01\x01" + bytes(57)


@pytest.fixture(params=["newest", "a_year_old"])
def uv(request: pytest.FixtureRequest) -> Path:
    """Return a real uv."""
    return NEWEST if request.param == "newest" else A_YEAR_OLD


def create(
    user: User, *arguments: str, uv: Path = NEWEST, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Create the environment `it` with `uv` on PATH, from the wheels alone unless an index is named."""
    tools = user.home.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uv").unlink(missing_ok=True)
    (tools / "uv").symlink_to(uv)
    # uv has no variable for this setting; and the user's own file should count.
    settings = user.home / ".config/uv/uv.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("" if "UV_DEFAULT_INDEX" in changes else "no-index = true\n")
    changes.setdefault("PATH", f"{tools}:{WITHOUT_UV}")
    return user.stackenv("create", "it", *arguments, load=[user.stack.bundle_module], **changes)


def require_nothing_left(user: User) -> None:
    assert not list((user.home / "venvs").iterdir())
    assert not list(user.modules.rglob("*.lua"))
    assert not list((user.home.parent / "tmp").iterdir())


def list_installed(user: User) -> dict[str, str]:
    """Return the packages in the environment's site-packages, with their INSTALLER."""
    found = (user.home / "venvs/it-1.0").glob("lib/python3*/site-packages/*.dist-info")
    return {p.name.partition("-")[0]: (p / "INSTALLER").read_text().strip() for p in found}


def own_wheels(user: User, tmp_path: Path) -> dict[str, str]:
    """Return the variables with which uv finds the wheels of the stack, and new ones that need numpy."""
    make_wheel(tmp_path / "own", "takes-numpy", "1.0", ["numpy"])
    make_wheel(tmp_path / "own", "wants-numpy-two", "1.0", ["numpy>=2"])
    make_wheel(tmp_path / "own", "wants-that", "1.0", ["wants_numpy.two"])
    return {"UV_FIND_LINKS": f"{user.stack.wheels},{tmp_path / 'own'}"}


@pytest.mark.each_value("uv", "kind")
@pytest.mark.parametrize("kind", STACKS)
def test_a_package_that_needs_numpy_uses_the_modules(tmp_path: Path, kind: str, uv: Path) -> None:
    user = make_user(tmp_path, open_stack(kind))
    made = create(user, "biopython", "--uv", uv=uv)
    assert made.returncode == 0, made.stderr
    installed = list_installed(user)
    assert (installed.get("biopython"), installed.get("numpy")) == ("uv", "stackenv"), installed
    used = user.run(f"{made.stdout}python -c 'import Bio, numpy; print(Bio.__file__); print(numpy.__file__)'")
    own, modules = used.stdout.splitlines()
    assert own.startswith(f"{user.home}/venvs/it-1.0/")
    assert modules.startswith(f"{user.stack.software}/{user.stack.bundle_module}/")
    record = json.loads((user.home / "venvs/it-1.0/stackenv/record.json").read_text())
    assert [(p["name"], p["version"]) for p in record["packages"]] == [("biopython", "1.85")]
    assert record["made_by"][:2] == ["stackenv", "create"] and "--uv" in record["made_by"]


def test_a_requirements_file_and_with_pip_are_accepted(user: User, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("six\nnumpy\n")
    made = create(user, "-r", str(tmp_path / "r.txt"), "--uv", "--with-pip")
    assert made.returncode == 0, made.stderr
    installed = list_installed(user)
    assert (installed["six"], installed["pip"], installed["numpy"]) == ("uv", "pip", "stackenv")


@pytest.mark.each_value("uv", "wanted")
@pytest.mark.parametrize("wanted", ["numpy>=2", "wants-numpy-two", "wants-that", "-r"])
def test_another_numpy_is_refused_naming_the_module_and_the_option(
    user: User, uv: Path, tmp_path: Path, wanted: str
) -> None:
    variables = own_wheels(user, tmp_path)
    (tmp_path / "r.txt").write_text("six\nwants-that\n")
    words = ("-r", str(tmp_path / "r.txt")) if wanted == "-r" else (wanted,)
    made = create(user, *words, "--uv", uv=uv, **variables)
    assert made.returncode == 10
    module = user.stack.bundle_module
    assert "uv could not install " in made.stderr
    assert f"this conflicts with packages of the modules: numpy 1.25.1 (the module {module})" in made.stderr
    assert made.stderr.rstrip().endswith("the same command with --allow-shadow numpy")
    require_nothing_left(user)


@pytest.mark.any_value("uv")
def test_allow_shadow_lets_uv_install_another_numpy(user: User, uv: Path, tmp_path: Path) -> None:
    made = create(user, "wants-that", "--uv", "--allow-shadow", "numpy", uv=uv, **own_wheels(user, tmp_path))
    assert made.returncode == 0, made.stderr
    used = user.run(f"{made.stdout}python -c 'import numpy; print(numpy.__version__)'")
    assert used.stdout.strip() == "2.1.1"


@pytest.mark.each_value("uv", "wanted")
@pytest.mark.parametrize("wanted", ["no-such-package", "six==99", "broken"])
def test_other_errors_of_uv_do_not_suggest_allow_shadow(
    user: User, uv: Path, tmp_path: Path, wanted: str
) -> None:
    if wanted == "broken":
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken/setup.py").write_text("raise SystemExit('it is broken')\n")
        wanted = str(tmp_path / "broken")
    made = create(user, wanted, "--uv", uv=uv)
    assert made.returncode == 10
    assert f"uv could not install {wanted} (exit status " in made.stderr
    assert ("it is broken" in made.stderr) == wanted.endswith("broken")
    assert "--allow-shadow" not in made.stderr
    require_nothing_left(user)


def test_an_unreachable_index_is_reported_with_its_setting(user: User, uv: Path) -> None:
    """As on a compute node: nothing answers at the address."""
    index = {"UV_OFFLINE": "0", "UV_DEFAULT_INDEX": "https://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    made = create(user, "six", "--uv", uv=uv, UV_FIND_LINKS="", **index)
    assert made.returncode == 10
    assert "uv could not reach the server that has six" in made.stderr
    assert "only the login nodes reach the internet" in made.stderr
    assert "UV_DEFAULT_INDEX" in made.stderr
    require_nothing_left(user)


@pytest.mark.each_value("uv", "kind")
@pytest.mark.parametrize("kind", ["eb5-pythonpath", "eb5-prefixes"])
def test_builds_see_the_modules_only_without_build_isolation(tmp_path: Path, kind: str, uv: Path) -> None:
    user = make_user(tmp_path, open_stack(kind))
    isolated = create(user, "needs-new-setuptools", "needs-numpy-two", "--uv", uv=uv)
    assert isolated.returncode == 0, isolated.stderr
    used = user.run(f"{isolated.stdout}python -c 'import needs_numpy_two as n; print(n.NUMPY)'")
    assert used.stdout.strip() == "2.1.1"
    removed = user.stackenv("remove", "it", "--yes")
    assert removed.returncode == 0, removed.stderr
    missing = create(user, "needs-stack-numpy", "--uv", uv=uv)
    assert missing.returncode == 10
    assert f"the modules provide it (numpy 1.25.1, {user.stack.bundle_module})" in missing.stderr
    assert "because uv isolates builds" in missing.stderr
    made = create(user, "needs-stack-numpy", "--uv", "--no-build-isolation", uv=uv)
    assert made.returncode == 0, made.stderr
    used = user.run(f"{made.stdout}python -c 'import needs_stack_numpy.total as t; print(t.NUMPY)'")
    assert used.stdout.strip() == "1.25.1", used.stderr
    # The build used the setuptools of the stack.
    assert "setuptools" not in list_installed(user)


def test_settings_of_the_user_do_not_redirect_the_installation(user: User, uv: Path, tmp_path: Path) -> None:
    """The user's index and constraints count in addition to stackenv's."""
    (tmp_path / "own.txt").write_text("packaging<24\nsix<1.17\n")
    (user.home / "uv.toml").write_text(
        "[pip]\nreinstall = true\nsystem = true\npython = '/usr/bin/python3'\n"
    )
    make_wheel(user.home / "here", "here", "1.0", ["six"])
    variables = {
        "UV_SYSTEM_PYTHON": "1",
        "UV_PYTHON": "/usr/bin/python3",
        "UV_PROJECT_ENVIRONMENT": str(tmp_path / "elsewhere"),
        "UV_MANAGED_PYTHON": "1",
        "UV_WORKING_DIR": str(tmp_path),
        "UV_CONSTRAINT": str(tmp_path / "own.txt"),
    }
    failed = create(user, "./here/here-1.0-py3-none-any.whl", "--uv", uv=uv, **variables)
    assert (failed.returncode, "six<1.17" in failed.stderr) == (10, True), failed.stderr
    (tmp_path / "own.txt").write_text("six<2\n")
    wanted = ("./here/here-1.0-py3-none-any.whl", "numpy")
    made = create(user, *wanted, "--uv", uv=uv, **variables)
    assert made.returncode == 0, made.stderr
    installed = list_installed(user)
    assert (installed["here"], installed["six"], installed["numpy"]) == ("uv", "uv", "stackenv")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.any_value("setting")
@pytest.mark.parametrize("setting", ["target", "prefix"])
def test_a_target_or_prefix_in_uv_toml_is_refused(user: User, uv: Path, tmp_path: Path, setting: str) -> None:
    elsewhere = tmp_path / "else where"
    (user.home / "uv.toml").write_text(f"[pip]\n{setting} = '{elsewhere}'\n")
    refused = create(user, "six", "--uv", uv=uv, RUST_LOG="uv=error")
    assert refused.returncode == 10
    assert f"uv would install into {elsewhere} instead of the environment: `target`" in refused.stderr
    assert "nothing was installed\n\nhint: remove that setting, or leave out --uv" in refused.stderr
    require_nothing_left(user)
    assert [path.name for path in elsewhere.rglob("*") if path.is_file()] == [".lock"]


def test_packages_that_landed_outside_the_environment_are_an_error(user: User, tmp_path: Path) -> None:
    """With a stand-in for a uv that does not report where it installs, as a later uv may not."""
    (user.home / "uv.toml").write_text(f"[pip]\ntarget = '{tmp_path / 'elsewhere'}'\n")
    silent = tmp_path / "uv"
    silent.write_text(f'#!/bin/sh\ncase " $* " in *" -v "*) exit 0 ;; esac\nexec {NEWEST} "$@"\n')
    silent.chmod(0o755)
    refused = create(user, "six", "--uv", uv=silent)
    assert refused.returncode == 10
    assert "uv installed six outside the environment: `target` or `prefix` is set" in refused.stderr
    assert "hint: uv pip uninstall six; then remove that setting, or leave out --uv" in refused.stderr
    require_nothing_left(user)


def test_pip_installs_when_no_uv_is_on_path(user: User) -> None:
    """The bin/uv of another environment does not count: it would look for a uv itself."""
    other = user.stackenv("create", "other", load=[user.stack.bundle_module])
    assert other.returncode == 0, other.stderr
    script = user.home / "venvs/other-1.0/bin/uv"
    made = create(user, "six", "--uv", uv=script)
    assert made.returncode == 0, made.stderr
    (sentence,) = [line for line in made.stderr.splitlines() if "uv was not found on PATH" in line]
    assert "pip installs the packages" in sentence and "`module spider uv`" in sentence
    assert list_installed(user)["six"] == "pip"
    planned = create(user, "six", "--version", "2", "--uv", "--dry-run", uv=script)
    assert (
        "uv was not found on PATH" in planned.stderr
        and "install with pip: six" in planned.stdout + planned.stderr
    )


@pytest.mark.parametrize("why", ["of another machine", "of no permission", "killed"])
def test_pip_installs_when_uv_does_not_start(user: User, tmp_path: Path, why: str) -> None:
    program = tmp_path / "uv"
    script = b"#!/bin/sh\nkill -ILL $$\n" if why == "killed" else b"#!/nowhere/python\n"
    program.write_bytes(OF_ANOTHER_MACHINE if why == "of another machine" else script)
    program.chmod(0o755)
    made = create(user, "six", "--uv", uv=program)
    assert made.returncode == 0, made.stderr
    (sentence,) = [line for line in made.stderr.splitlines() if "does not work here" in line]
    words = {
        "of another machine": "Exec format error",
        "of no permission": "No such file or directory",
        "killed": "killed by SIGILL",
    }
    assert "pip installs the packages" in sentence and words[why] in sentence
    assert list_installed(user)["six"] == "pip"


def test_pip_installs_when_the_site_turns_stubs_off(user: User, tmp_path: Path) -> None:
    """Without stubs, uv would install its own copies of the modules' packages."""
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\npersonal:\n  stubs: false\n")
    made = create(user, "biopython", "--uv", STACKENV_SITE_CONFIG=str(configuration))
    assert made.returncode == 0, made.stderr
    assert "(personal.stubs is false); pip installs the packages instead" in made.stderr
    assert list_installed(user) == {"biopython": "pip"}


def test_create_reports_that_uv_copied_a_package_without_a_stub(user: User, tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\npersonal:\n  stubs_leave_out: [packaging]\n")
    wanted = ("biopython", "packaging", "--uv")
    made = create(user, *wanted, STACKENV_SITE_CONFIG=str(configuration))
    assert made.returncode == 0, made.stderr
    assert f"its own copy of packaging 23.1 ({user.stack.bundle_module})" in made.stderr
    assert list_installed(user) == {"biopython": "uv", "packaging": "uv", "numpy": "stackenv"}


def test_the_uv_of_a_module_is_preferred(user: User, tmp_path: Path) -> None:
    """The uv on the caller's PATH would not start."""
    (tmp_path / "mf/uv").mkdir(parents=True)
    (tmp_path / "mf/uv/1.0.lua").write_text(f'prepend_path("PATH", "{tmp_path}/bin")\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").symlink_to(NEWEST)
    (tmp_path / "broken").write_bytes(OF_ANOTHER_MACHINE)
    (tmp_path / "broken").chmod(0o755)
    modules = {"MODULEPATH": f"{tmp_path / 'mf'}:{user.stack.modulepath}"}
    words = ("six", "--uv", "-m", user.stack.bundle_module, "-m", "uv/1.0")
    made = create(user, *words, uv=tmp_path / "broken", **modules)
    assert made.returncode == 0, made.stderr
    assert list_installed(user)["six"] == "uv", made.stderr


def test_uv_is_not_needed_without_packages(user: User) -> None:
    made = create(user, "--uv", PATH=WITHOUT_UV)
    assert (made.returncode, "uv was not found" in made.stderr) == (0, False), made.stderr


def test_a_dry_run_says_that_uv_installs(user: User) -> None:
    planned = create(user, "six", "--uv", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "install with uv: six" in planned.stdout + planned.stderr
    require_nothing_left(user)


@pytest.mark.parametrize("option", ["--conda", "--from", "--no-stubs"])
def test_uv_cannot_be_combined_with_conda_from_or_no_stubs(user: User, tmp_path: Path, option: str) -> None:
    words = (option, str(tmp_path / "it.yaml")) if option == "--from" else (option,)
    refused = create(user, "--uv", *words)
    assert refused.returncode == 2
    assert "--uv" in refused.stderr and option in refused.stderr


def test_uv_cache_dir_causes_no_warning(user: User, tmp_path: Path) -> None:
    made = create(user, "six", "--uv", "--verbose", UV_CACHE_DIR=str(tmp_path / "cache"))
    assert made.returncode == 0, made.stderr
    assert "six==1.17.0" in made.stderr and "warning" not in made.stderr


def test_pip_updates_rebuilds_and_recreates_what_uv_installed(user: User, tmp_path: Path) -> None:
    variables = own_wheels(user, tmp_path)
    make_wheel(tmp_path / "folder", "by-path", "1.0", ["six"])
    path = str(tmp_path / "folder/by_path-1.0-py3-none-any.whl")
    made = create(user, "takes-numpy", path, "--uv", **variables)
    assert made.returncode == 0, made.stderr
    record = json.loads((user.home / "venvs/it-1.0/stackenv/record.json").read_text())
    sources = {p["name"]: p["source"] for p in record["packages"]}
    assert sources == {"takes-numpy": "", "by-path": Path(path).name, "six": ""}
    make_wheel(tmp_path / "own", "takes-numpy", "1.1", ["numpy"])
    by_pip = {"PIP_FIND_LINKS": f"{user.stack.wheels} {tmp_path / 'own'}"}
    updated = user.stackenv("update", "takes-numpy", "--env", "it", "--yes", **by_pip)
    assert updated.returncode == 0, updated.stderr
    installed = {"takes_numpy": "pip", "by_path": "uv", "six": "uv"}
    stubs = {"numpy": "stackenv", "packaging": "stackenv"}
    assert list_installed(user) == {**installed, **stubs}
    exported = user.stackenv("export", "it")
    (tmp_path / "it.yaml").write_text(exported.stdout)
    rebuilt = user.stackenv("rebuild", "it", **by_pip)
    assert rebuilt.returncode == 0, rebuilt.stderr
    versions = "import by_path, takes_numpy as t, numpy; print(by_path.VERSION, t.VERSION, numpy.__version__)"
    used = user.run(f"module use ~/modules; ml it && python -c '{versions}'")
    assert used.stdout.split() == ["1.0", "1.1", "1.25.1"], used.stderr
    again = user.stackenv("create", "again", "--from", str(tmp_path / "it.yaml"), **by_pip)
    assert again.returncode == 0, again.stderr
    # A package that was installed from a path is not installed again from an exported file.
    versions = "import takes_numpy as t, numpy; print(t.VERSION, numpy.__version__)"
    used = user.run(f"{again.stdout}python -c '{versions}'")
    assert used.stdout.split() == ["1.1", "1.25.1"], used.stderr
    assert user.stackenv("check", "again").returncode == 0


def test_environment_and_cache_paths_may_have_odd_characters(user: User, tmp_path: Path) -> None:
    place = tmp_path / "my environments, 50% of them #1/it"
    wanted = ("biopython", "--path", str(place), "--uv")
    made = create(user, *wanted, UV_CACHE_DIR=str(tmp_path / "a cache"), **own_wheels(user, tmp_path))
    assert made.returncode == 0, made.stderr
    stub = next(place.glob("lib/python3*/site-packages/numpy-*.dist-info/INSTALLER"))
    assert stub.read_text().strip() == "stackenv"
    refused = create(user, "numpy>=2", "--version", "2", "--path", f"{place} 2", "--uv")
    assert "(the module " in refused.stderr and "--allow-shadow numpy" in refused.stderr
