"""The packages of the stand-in channel."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from channel import PLACEHOLDER, Package, write_index, write_package
from interpreter import Interpreter, run

ACTIVATION = {
    "etc/conda/activate.d/activating.sh": "export STACKENV_TEST_ACTIVATED=1\n",
    "etc/conda/activate.d/activating.csh": "setenv STACKENV_TEST_ACTIVATED 1\n",
    "etc/conda/activate.d/activating.fish": "set -gx STACKENV_TEST_ACTIVATED 1\n",
    "etc/conda/deactivate.d/activating.sh": "unset STACKENV_TEST_ACTIVATED\n",
    "etc/conda/deactivate.d/activating.csh": "unsetenv STACKENV_TEST_ACTIVATED\n",
    "etc/conda/deactivate.d/activating.fish": "set -e STACKENV_TEST_ACTIVATED\n",
}
# Compilers' packages do this: harmless, except to a script under set -u.
UNSET_READER = {
    "etc/conda/activate.d/unset-reader.sh": ': "$STACKENV_TEST_NEVER_SET"\n',
    "etc/conda/activate.d/unset-reader.csh": "# csh has no set -u.\n",
    "etc/conda/activate.d/unset-reader.fish": "# fish has no set -u.\n",
}
PANDAS = {
    "site-packages/pandas/__init__.py": (
        '"""Not pandas: a stand-in of stackenv\'s test distribution."""\n\n__version__ = "2.2.2"\n'
    ),
    "site-packages/pandas-2.2.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: pandas\nVersion: 2.2.2\n",
    "site-packages/pandas-2.2.2.dist-info/INSTALLER": "conda\n",
    "site-packages/pandas-2.2.2.dist-info/RECORD": "",
}


def command(name: str, version: str) -> dict[str, str]:
    """Return a command that says its name and version."""
    return {f"bin/{name}": f'#!/bin/sh\necho "{name} {version}"\n'}


FROM_TEXT: dict[Package, Mapping[str, str]] = {
    Package("activating", "1.0"): ACTIVATION,
    Package("unset-reader", "1.0"): UNSET_READER,
    Package("plain", "1.0", noarch="generic"): command("plain-tool", "1.0"),
    Package("dependent", "1.0", ("plain",), "generic"): command("dependent-tool", "1.0"),
    Package("dependent", "2.0", ("plain",), "generic"): command("dependent-tool", "2.0"),
    Package("pandas", "2.2.2", ("python >=3.9",), "python"): PANDAS,
}


def write_channel(interpreter: Interpreter, base: Path, scratch: Path, channel: Path) -> None:
    """Write the channel; `base` is a tree whose pip is packed too."""
    trees = {}
    for package, texts in FROM_TEXT.items():
        tree = trees[package] = scratch / f"{package.name}-{package.version}"
        for name, text in texts.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
            if name.startswith("bin/"):
                (tree / name).chmod(0o755)
    for package, tree in (
        stage_python(interpreter, scratch / "python"),
        stage_pip(interpreter, base / interpreter.site_packages, scratch / "pip"),
    ):
        trees[package] = tree
    write_index(channel, {package: write_package(package, tree, channel) for package, tree in trees.items()})


def stage_python(interpreter: Interpreter, tree: Path) -> tuple[Package, Path]:
    """Stage the machine's Python under its own version, as `venv --copies` would.

    Notes
    -----
    A copy, because conda makes copies of absolute links anyway, and pyvenv.cfg
    because a copy would take its home for its prefix. What fails for a Python
    that finds its shared library next to itself is found out here.
    """
    package = Package("python", interpreter.version)
    binary = tree / f"bin/python{interpreter.minor}"
    binary.parent.mkdir(parents=True)
    shutil.copy2(interpreter.executable, binary)
    binary.chmod(0o755)
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to(binary.name)
    (tree / "pyvenv.cfg").write_text(interpreter.environment_configuration())
    (tree / interpreter.site_packages).mkdir(parents=True)
    (tree / interpreter.site_packages / "README.txt").write_text("The Python of this machine.\n")
    run(tree / "bin/python", "-I", "-c", f"import sys, ssl; assert sys.prefix == {str(tree)!r}, sys.prefix")
    return package, tree


def stage_pip(interpreter: Interpreter, site_packages: Path, tree: Path) -> tuple[Package, Path]:
    """Stage the pip of a virtual environment.

    Compiled, and so for one Python: noarch, each install would compile it for seconds.
    """
    (info,) = site_packages.glob("pip-*.dist-info")
    package = Package("pip", info.name.split("-")[1].replace(".dist", ""), (f"python {interpreter.minor}.*",))
    for folder in (info, site_packages / "pip"):
        shutil.copytree(folder, tree / interpreter.site_packages / folder.name)
    (tree / "bin").mkdir()
    for name in ("pip", "pip3"):
        script = tree / "bin" / name
        script.write_text(
            f"#!{PLACEHOLDER}/bin/python\n"
            "import sys\n\nfrom pip._internal.cli.main import main\n\n"
            'if __name__ == "__main__":\n    sys.exit(main())\n'
        )
        script.chmod(0o755)
    return package, tree
