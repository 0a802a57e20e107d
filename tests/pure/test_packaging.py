"""Build and install stackenv from a copy of the checkout, offline, with the installed pip and setuptools."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from in_ci import fail_or_skip
from packaging.version import Version

from stackenv import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
# The wheel contains these files, and each .py file of src/stackenv.
DATA = """
    hooks/stackenv_hooks.py
    py.typed
    site-config/default.yaml
    site-config/pip.conf
    site-config/ubelix.yaml
    templates/capture/capture.bash
    templates/completion/stackenv.bash
    templates/completion/stackenv.fish
    templates/completion/stackenv.zsh
    templates/conda.lua.j2
    templates/kernel/logo-32x32.png
    templates/kernel/logo-64x64.png
    templates/kernel/logo-svg.svg
    templates/libexec/activation.py
    templates/libexec/activation_code.py
    templates/libexec/activation_questions.py
    templates/libexec/carry.py
    templates/libexec/compile_activation.py
    templates/libexec/conda
    templates/libexec/conda-init
    templates/libexec/condarc.py
    templates/libexec/enter_namespace.py
    templates/libexec/environment_words.sh
    templates/libexec/guarded_start.sh
    templates/libexec/hide_modules.py
    templates/libexec/launch
    templates/libexec/layers.py
    templates/libexec/mamba
    templates/libexec/mount_image
    templates/libexec/native_activation.py
    templates/libexec/packed
    templates/libexec/pip
    templates/libexec/pip_guard.py
    templates/libexec/pip_in_venv
    templates/libexec/put_aside.py
    templates/libexec/stackenv_dialect.py
    templates/libexec/start_python
    templates/libexec/uv
    templates/load_test/load_test.csh
    templates/load_test/load_test.fish
    templates/load_test/load_test.sh
    templates/lua/activate.lua
    templates/lua/active_level.lua
    templates/lua/active_prefix.lua
    templates/lua/base_path.lua
    templates/lua/cache_folders.lua
    templates/lua/deactivate_missing_conda.lua
    templates/lua/expand_path.lua
    templates/lua/fill_in.lua
    templates/lua/forget_words.lua
    templates/lua/has_key.lua
    templates/lua/hide_base.lua
    templates/lua/is_writable.lua
    templates/lua/lists.lua
    templates/lua/man_pages.lua
    templates/lua/mount_image.lua
    templates/lua/notice.lua
    templates/lua/notice_no_place.lua
    templates/lua/notice_other_conda.lua
    templates/lua/notice_pythonpath.lua
    templates/lua/push_env.lua
    templates/lua/put_first.lua
    templates/lua/read_text.lua
    templates/lua/refuse_over_active.lua
    templates/lua/refuse_shells.lua
    templates/lua/remove_entry.lua
    templates/lua/require_cpu_features.lua
    templates/lua/require_module.lua
    templates/lua/require_installed.lua
    templates/lua/require_path.lua
    templates/lua/require_platform.lua
    templates/lua/run_in_shell.lua
    templates/lua/save_env.lua
    templates/lua/save_prior_conda.lua
    templates/lua/set_default.lua
    templates/lua/set_noted.lua
    templates/lua/storage_places.lua
    templates/lua/store_environments.lua
    templates/lua/store_packages.lua
    templates/lua/take_noted.lua
    templates/lua/unset_noted.lua
    templates/lua/unset_without_shell.lua
    templates/lua/usable_place.lua
    templates/lua/use_folder.lua
    templates/lua/visible_prefixes.lua
    templates/personal.lua.j2
    templates/pip/__main__.py
    templates/shell/activation.csh
    templates/shell/activation.fish
    templates/shell/activation.sh
    templates/shell/command_load.csh
    templates/shell/command_load.fish
    templates/shell/command_load.sh
    templates/shell/command_unload.csh
    templates/shell/command_unload.fish
    templates/shell/command_unload.sh
    templates/shell/completions_load.bash
    templates/shell/completions_load.fish
    templates/shell/completions_load.zsh
    templates/shell/completions_unload.bash
    templates/shell/completions_unload.fish
    templates/shell/completions_unload.zsh
    templates/shell/conda.csh
    templates/shell/conda.fish
    templates/shell/conda.sh
    templates/shell/conda_environment_load.csh
    templates/shell/conda_environment_load.fish
    templates/shell/conda_environment_load.sh
    templates/shell/conda_environment_unload.csh
    templates/shell/conda_environment_unload.fish
    templates/shell/conda_environment_unload.sh
    templates/shell/conda_export.sh
    templates/shell/gone.csh
    templates/shell/late_modules.csh
    templates/shell/late_modules.fish
    templates/shell/late_modules.sh
    templates/shell/launch.sh
    templates/shell/load_file.csh
    templates/shell/load_file.fish
    templates/shell/load_file.sh
    templates/shell/mamba.csh
    templates/shell/mamba.fish
    templates/shell/mamba.sh
    templates/shell/mamba_export.sh
    templates/shell/mamba_load.csh
    templates/shell/mamba_load.fish
    templates/shell/mamba_load.sh
    templates/shell/mamba_unload.csh
    templates/shell/mamba_unload.fish
    templates/shell/mamba_unload.sh
    templates/shell/personal_load.csh
    templates/shell/personal_load.fish
    templates/shell/personal_load.sh
    templates/shell/personal_unload.csh
    templates/shell/personal_unload.fish
    templates/shell/personal_unload.sh
    templates/shell/remove_entry.csh
    templates/shell/remove_entry.fish
    templates/shell/remove_entry.sh
    templates/shell/show_again.csh
    templates/shell/show_again.fish
    templates/shell/show_again.sh
    templates/shell/unload.csh
    templates/shell/unload.fish
    templates/shell/unload.sh
    templates/shell/unload_file.csh
    templates/shell/unload_file.fish
    templates/shell/unload_file.sh
    templates/stackenv.lua.j2
""".split()  # noqa: SIM905 (a list of files reads better as lines)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir")
DEPENDENCIES = """
    Jinja2 MarkupSafe PyYAML archspec click packaging rich markdown-it-py mdurl Pygments voluptuous
    setuptools wheel
""".split()  # noqa: SIM905 (a list of names reads better as lines)
OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation")


def run(*command: object, cwd: Path | None = None, **environ: str) -> str:
    """Run `command`, which must succeed; return its stdout."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find_distribution(name: str) -> importlib.metadata.Distribution | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.distribution(name)
    return None


def require_builder() -> None:
    """Skip, or fail in CI, if pip or a package that builds wheels is missing."""
    setuptools = find_distribution("setuptools")
    # Since 70.1 setuptools builds wheels by itself.
    needed = ["pip"] if setuptools and Version(setuptools.version) >= Version("70.1") else ["pip", "wheel"]
    missing = [name for name in ("setuptools", *needed) if find_distribution(name) is None]
    if missing:
        message = f"not installed for {sys.executable}: {', '.join(missing)}"
        fail_or_skip(message)


def copy_checkout(target: Path) -> Path:
    """Copy the files that git would commit to `target`, links as links."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=CHECKOUT)
    for name in filter(None, listed.split("\0")):
        source = CHECKOUT / name
        if source.is_symlink() or source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    return target


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def sdist(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_builder()
    folder = tmp_path_factory.mktemp("sdist")
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", code, folder, cwd=copy)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_builder()
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", *OFFLINE, "-w", folder, copy)
    return next(folder.glob("*.whl"))


def read_wheel(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_the_wheel_contains_exactly_the_expected_files(wheel: Path) -> None:
    source = CHECKOUT / "src/stackenv"
    # Links are not followed: the templates and hooks are in DATA.
    modules = [
        str(Path(top, name).relative_to(source))
        for top, _, names in os.walk(source)
        for name in names
        if name.endswith(".py")
    ]
    found = [name for name in read_wheel(wheel) if ".dist-info/" not in name]
    expected = [f"stackenv/{name}" for name in modules + DATA]
    assert sorted(found) == sorted([*expected, f"stackenv-{__version__}.data/scripts/stackenv"])


def test_the_wheel_has_the_templates_of_the_checkout(wheel: Path) -> None:
    found = read_wheel(wheel)
    for name in (name for name in DATA if name.startswith("templates/")):
        assert found[f"stackenv/{name}"] == (CHECKOUT / "src/stackenv" / name).read_bytes()


def test_the_script_in_the_wheel_begins_with_the_python_placeholder(wheel: Path) -> None:
    script = read_wheel(wheel)[f"stackenv-{__version__}.data/scripts/stackenv"]
    assert script.startswith(b"#!python\n")


def test_the_sdist_has_no_links(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        assert [member.name for member in archive if not (member.isfile() or member.isdir())] == []


def test_links_in_the_readme_point_to_files_in_the_sdist(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        named = {member.name.partition("/")[2] for member in archive}
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 10 and {link for link in links if "://" not in link} <= named


def test_the_sdist_and_the_checkout_build_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    run(*PIP, "wheel", *OFFLINE, "-w", tmp_path, sdist)
    assert read_wheel(next(tmp_path.glob("*.whl"))) == read_wheel(wheel)


def test_the_metadata_has_the_version_of_the_package(wheel: Path) -> None:
    metadata = read_wheel(wheel)[f"stackenv-{__version__}.dist-info/METADATA"].decode()
    assert f"\nVersion: {__version__}\n" in metadata


class Environment:
    """A new venv that finds the dependencies of stackenv that the tests use, but not stackenv itself."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.folder = folder
        paths = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "posix_prefix", vars=paths))
        dependencies = folder / "dependencies"
        dependencies.mkdir()
        for distribution in filter(None, map(find_distribution, DEPENDENCIES)):
            tops = {Path(file).parts[0] for file in distribution.files or ()}
            for top in tops - {"..", "__pycache__"}:
                (dependencies / top).symlink_to(distribution.locate_file(top))
        (self.packages / "dependencies.pth").write_text(f"{dependencies}\n")

    def install(self, *what: object) -> None:
        require_builder()
        run(*PIP, "--python", self.folder / "bin/python", "install", *OFFLINE, *what)

    def stackenv(self, *arguments: object) -> str:
        return run(self.folder / "bin/stackenv", *arguments, cwd=self.folder)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


@pytest.fixture(params=["wheel", "sdist"])
def installed(request, environment: Environment) -> Environment:
    """Install stackenv from a wheel or an sdist, which is no longer needed afterwards."""
    environment.install(request.getfixturevalue(request.param))
    return environment


def test_an_installed_stackenv_prints_the_path_of_its_own_hooks(installed: Environment) -> None:
    hooks = Path(installed.stackenv("site", "hooks").rstrip("\n"))
    assert hooks == (installed.packages / "stackenv/hooks/stackenv_hooks.py").resolve()


def test_an_installed_stackenv_accepts_its_shipped_configuration(installed: Environment) -> None:
    assert installed.stackenv("site", "check").endswith("site-config/default.yaml: OK\n")


def test_an_installed_stackenv_renders_a_modulefile(installed: Environment, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    for name in ("conda", "python"):
        (root / "bin" / name).write_text("#!/bin/sh\n")
        (root / "bin" / name).chmod(0o755)
    text = installed.stackenv("site", "render", "--name", "Anaconda3", "--version", "1", "--root", root)
    assert "eval 'conda() {" in text


def test_an_editable_install_uses_the_hooks_of_the_checkout(environment: Environment, tmp_path: Path) -> None:
    copy = copy_checkout(tmp_path / "checkout")
    environment.install("--editable", copy)
    hooks = Path(environment.stackenv("site", "hooks").rstrip("\n"))
    assert hooks == copy / "hooks/stackenv_hooks.py"


def test_an_editable_install_uses_changed_templates_of_the_checkout(
    environment: Environment, tmp_path: Path
) -> None:
    copy = copy_checkout(tmp_path / "checkout")
    environment.install("--editable", copy)
    (copy / "modulefiles/conda.lua.j2").write_text("-- changed\n")
    code = (
        "from stackenv.modulefile.templates import open_templates, read_source\n"
        "print(read_source(open_templates(None), 'conda.lua.j2'))"
    )
    assert run(environment.folder / "bin/python", "-c", code).strip() == "-- changed"


EASYBUILD_STUBS = {
    "easybuild/__init__.py": "",
    "easybuild/tools/__init__.py": "",
    "easybuild/tools/hooks.py": "KNOWN_HOOKS = ['start_hook', 'crash_hook']\nload_hooks = None\n",
    "easybuild/tools/build_log.py": "EasyBuildError = Exception\nprint_msg = print_warning = print\n",
    "easybuild/tools/config.py": "build_option = get_module_syntax = install_path = None\n",
    "easybuild/tools/version.py": "VERSION = '5.4.1'\n",
}
# Imports hooks as EasyBuild does: the file by its path, then each callable whose name ends in _hook.
IMPORT_HOOKS = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("stackenv_hooks", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.adapter and module.adapter.__file__)
print(*sorted(name for name in vars(module) if name.endswith("_hook")))
if len(sys.argv) > 2: module.start_hook()
"""


@pytest.fixture
def with_easybuild(environment: Environment, tmp_path: Path) -> Environment:
    """Return an environment with stubs of what the hooks import from EasyBuild."""
    for name, text in EASYBUILD_STUBS.items():
        path = environment.packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return environment


def test_the_hooks_of_a_checkout_import_its_package(with_easybuild: Environment, copy: Path) -> None:
    python, hooks = with_easybuild.folder / "bin/python", copy / "hooks/stackenv_hooks.py"
    found = run(python, "-c", IMPORT_HOOKS, hooks).splitlines()[0]
    assert found == str(copy / "src/stackenv/site/easybuild.py")


def test_the_hooks_file_defines_exactly_the_expected_hooks(with_easybuild: Environment, copy: Path) -> None:
    python, hooks = with_easybuild.folder / "bin/python", copy / "hooks/stackenv_hooks.py"
    assert run(python, "-c", IMPORT_HOOKS, hooks).splitlines()[1].split() == [
        "cancel_hook",
        "crash_hook",
        "fail_hook",
        "module_write_hook",
        "post_build_and_install_loop_hook",
        "pre_build_and_install_loop_hook",
        "pre_module_hook",
        "pre_ready_hook",
        "start_hook",
    ]


def test_hooks_require_python_3_9_when_version_info_is_set_to_3_6(
    with_easybuild: Environment, copy: Path
) -> None:
    older = "import sys\nsys.version_info = (3, 6, 8)\n"
    python, hooks = with_easybuild.folder / "bin/python", copy / "hooks/stackenv_hooks.py"
    with pytest.raises(AssertionError, match=r"cannot run under .*Python 3\.6, and the hooks require 3\.9"):
        run(python, "-c", older + IMPORT_HOOKS, hooks, "start")


def test_hooks_without_their_package_say_what_to_install(with_easybuild: Environment, copy: Path) -> None:
    alone = with_easybuild.folder / "alone/hooks/stackenv_hooks.py"
    alone.parent.mkdir(parents=True)
    shutil.copy(copy / "hooks/stackenv_hooks.py", alone)
    with pytest.raises(AssertionError, match=r"the stackenv hooks cannot run under .*pip install stackenv"):
        run(with_easybuild.folder / "bin/python", "-c", IMPORT_HOOKS, alone, "start")


@pytest.mark.usefixtures("with_easybuild")
def test_a_sites_own_hooks_can_import_those_of_an_installed_stackenv(installed: Environment) -> None:
    code = (
        "from stackenv.hooks.stackenv_hooks import combine_with, start_hook\n"
        "own = {}\ncombine_with(own)\nprint(own['start_hook'] is start_hook)"
    )
    assert run(installed.folder / "bin/python", "-I", "-c", code) == "True\n"
