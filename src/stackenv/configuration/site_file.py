"""Find the file of the site configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackenv.errors import ConfigurationError

CONFIGURATION_VARIABLE = "STACKENV_SITE_CONFIG"
SYSTEM_FILE = Path("/etc/stackenv/site.yaml")
# Package data; in a checkout, the folder is a link to the one at the top.
SHIPPED_FILE = Path(__file__).parent.parent / "site-config" / "default.yaml"


def find_configuration_file(environ: Mapping[str, str], chosen: Path | None = None) -> Path:
    """Return the absolute path of the active site configuration.

    This is the `chosen` file, or else the file that STACKENV_SITE_CONFIG names, or else
    /etc/stackenv/site.yaml if it exists, or else the shipped default.

    Raises
    ------
    ConfigurationError
        If STACKENV_SITE_CONFIG names a file that does not exist.
    """
    if chosen:
        return chosen.absolute()
    named = environ.get(CONFIGURATION_VARIABLE, "")
    if named:
        # EasyBuild changes its working folder between the steps of a build.
        path = Path(named).absolute()
        if not _is_there(path):
            raise file_error(
                f"{path}: file not found, but {CONFIGURATION_VARIABLE} points to it; allowed: the path of a "
                "site configuration, or the variable unset"
            )
        return path
    return SYSTEM_FILE if _is_there(SYSTEM_FILE) else SHIPPED_FILE


def file_error(message: str) -> ConfigurationError:
    """Return the error for `message`, which begins with a place, with the shared hint."""
    return ConfigurationError(message, f"every key is explained in {SHIPPED_FILE}")


def _is_there(path: Path) -> bool:
    # A dangling link and an inaccessible folder count as present: an unreadable site configuration must not
    # be silently replaced by the default.
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
