"""Let pip work in conda environments if a file such as /etc/pip.conf requires a virtual environment.

pip does not recognise a conda environment as a virtual one (pypa/pip #4367, closed), so `require-virtualenv =
true` would stop it there too. This file reads pip's configuration files in pip's order
(pip/_internal/configuration.py), and sets a variable only if they would stop pip. Imported by
activation_code.py; run as

    python -I stackenv_pip_guard.py OPTIONS COMMAND [ARGUMENT...]

it starts conda or mamba, whose `run` and `env` run pip in environments that are not active, without what
would reach into an active one (put_aside.py; OPTIONS are those of activation.py).
"""

import os
import sys

NAME = "PIP_REQUIRE_VIRTUALENV"
# The option has two names, and pip reads a variable for each.
NAMES = (NAME, "PIP_REQUIRE_VENV")
KEYS = frozenset(["require-virtualenv", "require-venv"])
MARKER = "STACKENV_PIP_GUARD"
# The start of the lines to look for: those of KEYS, and `user` (put_aside.py).
SETTINGS = ("require", "user")
FILES = {}
TRUE = frozenset(["1", "true", "yes", "on", "t", "y"])


def list_shared_files(environ):
    """Return the system's and the user's configuration files in pip's order: the last one wins."""
    home = environ.get("HOME") or os.path.expanduser("~")
    folders = [folder for folder in environ.get("XDG_CONFIG_DIRS", "").split(":") if folder]
    files = [os.path.join(folder, "pip/pip.conf") for folder in folders or ["/etc/xdg"]]
    files.append("/etc/pip.conf")
    if not os.path.exists(environ.get("PIP_CONFIG_FILE", "")):
        config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        files += [os.path.join(home, ".pip/pip.conf"), os.path.join(config, "pip/pip.conf")]
    return files


def read_file(path):
    """Return those SETTINGS that the file `path` sets, as (section, key, value); it is read only once.

    The result is empty if it cannot be read: pip itself will report that.
    """
    if path not in FILES:
        try:
            with open(path, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, ValueError):
            text = ""
        named = any(line.strip().lower().startswith(SETTINGS) for line in text.split("\n"))
        FILES[path] = parse(text) if named else []
    return FILES[path]


def parse(text):
    """Return the settings in `text`, a configuration file of pip, as (section, key, value)."""
    # Import it only for a file that may set something: it costs more than everything else here.
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except (ValueError, configparser.Error):
        return []
    found = []
    for section in filter(parser.has_section, ("global", "install")):
        found += [(section, key.replace("_", "-"), value) for key, value in parser.items(section) if value]
    return found


def read_setting(environ, prefix, keys):
    """Return what pip in `prefix` reads for one of `keys`, and whether it is from a file for all Pythons."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return "", False
    shared = list_shared_files(environ)
    nearer = [os.path.join(prefix, "pip.conf")] if prefix else []
    nearer += [environ["PIP_CONFIG_FILE"]] if environ.get("PIP_CONFIG_FILE") else []
    found = {}
    for path in shared + nearer:
        for section, key, value in read_file(path):
            if key in keys:
                found[section] = (value, path in shared)
    # A command's own section overrides [global], whichever file it is in.
    return found.get("install", found.get("global", ("", False)))


def is_stopped(environ, prefix):
    """Return whether a file of the system or the user stops pip in `prefix`, and no later one prevents it."""
    value, is_shared = read_setting(environ, prefix, KEYS)
    return is_shared and value.lower() in TRUE


def lift(environ, prefix, active):
    """Return the operations that let pip work in the environment `prefix` while it is `active`.

    A user's own variables take precedence and stay; what was set here is undone.
    """
    saved = environ.get(MARKER)
    own = saved is None and any(environ.get(name) for name in NAMES)
    needed = active and not own and is_stopped(environ, prefix)
    if needed == (saved is not None):
        return []
    if needed:
        was = "unset" if NAME not in environ else "empty"
        return [("export", MARKER, was), ("export", NAME, "false")]
    restored = []
    if environ.get(NAME) == "false":
        restored = [("unset", NAME)] if saved == "unset" else [("export", NAME, "")]
    return [("unset", MARKER)] + restored


def main():
    # Import it here, because put_aside.py imports this file to read pip's settings.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from stackenv_put_aside import hide_modules, put_pip_user_aside

    options, command = sys.argv[1].split(","), sys.argv[2:]
    operations = lift(os.environ, "", True) + put_pip_user_aside(os.environ, "", True)
    operations += hide_modules(os.environ, True) if "hide-modules" in options else []
    for operation in operations:
        if operation[0] == "export":
            os.environ[operation[1]] = operation[2]
        else:
            os.environ.pop(operation[1], None)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
