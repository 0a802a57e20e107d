"""The printed command that loads a module, in this shell and in a new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackenv.user_paths import describe_shells, type_load

USE = "ml use ~/modules"


@pytest.mark.parametrize(
    ("modulepath", "own", "typed", "shells"),
    [
        ("", "", f"{USE}; ml biopy", "in a shell or a job script"),
        ("/apps:/more", "", f"{USE}; ml biopy", "in a shell or a job script"),
        (
            "/apps:HOME/modules",
            "",
            "ml biopy",
            f"in this shell, and after `{USE}` in a new one or a job script",
        ),
        (
            "HOME/modules/:/apps",
            "HOME/modules",
            "ml biopy",
            "in this shell, and after `module load stackenv` in a new one or a job script",
        ),
        # The folder is in use by another path, as if /home is a link.
        ("LINK/modules", "", "ml biopy", f"in this shell, and after `{USE}` in a new one or a job script"),
        # The module was loaded with another HOME, and `ml unuse` was typed.
        ("/apps", "HOME/modules", f"{USE}; ml biopy", "in a shell or a job script"),
    ],
)
def test_the_load_command_depends_on_the_module_folders_in_use(
    tmp_path: Path, modulepath: str, own: str, typed: str, shells: str
) -> None:
    (tmp_path / "home/modules").mkdir(parents=True)
    (tmp_path / "link").symlink_to("home")
    home, link = str(tmp_path / "home"), str(tmp_path / "link")
    environ = {
        "HOME": home,
        "MODULEPATH": modulepath.replace("HOME", home).replace("LINK", link),
        "STACKENV_MODULES": own.replace("HOME", home),
    }
    assert type_load(f"{home}/modules", "biopy", environ) == typed
    assert describe_shells(f"{home}/modules", environ) == shells
