"""What conda's configuration says about activation, read without conda and without a YAML parser.

Files are read line by line, and only what certainly has one meaning is understood: keys with plain or quoted
values, lists, and mappings of one level. Anything else raises `UncertainError`, so that conda itself decides:
on a file of invalid YAML, for example, conda must fail.

The order of the files and how they are combined are conda's own: SEARCH_PATH in conda/base/constants.py,
`_expand_search_path` and `merge` in conda/common/configuration.py (24.7.1).
"""

import errno
import os
import sys

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
LARGEST = 65536
LONGEST_NUMBER = 100

# The keys that matter here, with their aliases; conda refuses two names of one key in the same file.
SWITCHES = ("changeps1", "envvars_force_uppercase")
LISTS = ("envs_dirs", "envs_path")
KNOWN = SWITCHES + LISTS + ("auto_stack", "env_prompt")
# These move the base, make conda run from its sources, or make it print more.
NEVER = (
    "root_prefix",
    "root_dir",
    "_root_prefix",
    "_envs_dirs",
    "dev",
    "debug",
    "trace",
    "verbose",
    "verbosity",
)
TRUE = ("true", "yes", "on", "1")
FALSE = ("false", "no", "off", "0")
# `key: value #!final` and the like: such a value overrides later ones.
FLAGS = ("final", "top", "bottom", "important")

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = frozenset("0123456789")
KEY = LETTERS | DIGITS | frozenset("_-.")
FIRST = LETTERS | DIGITS | frozenset("/~$(._")


class UncertainError(Exception):
    """It is not certain how conda would read this."""


class Settings:
    """The configuration: `values` by key, and the folders of environments in order of preference."""

    def __init__(self):
        self.values = {}
        self.folders = []

    def add(self, found):
        """Add the contents of one file; a later file overrides earlier ones, and its folders come first."""
        if "envs_dirs" in found and "envs_path" in found:
            raise UncertainError("two names of one key")
        for key, value in found.items():
            if key in LISTS:
                self.folders = value + [folder for folder in self.folders if folder not in value]
            else:
                self.values[key] = value


def read_settings(environ, root):
    """Return the Settings of the conda at `root` in the environment `environ`.

    Raises
    ------
    UncertainError
        If a file cannot be read, or its meaning is not certain.
    """
    settings = Settings()
    for path in list_places(environ, root):
        try:
            for text in read_place(path):
                settings.add(read_lines(text))
        except UncertainError as error:
            # This message is shown when an installation is completed.
            raise UncertainError("%s: %s" % (path, error)) from None
    settings.add(read_variables(environ))
    return settings


def list_places(environ, root):
    """Return the paths of configuration files and folders; later ones override earlier ones."""
    prefix = environ.get("CONDA_PREFIX", "")
    if not prefix:
        # Otherwise conda looks for the environment of that name.
        if environ.get("CONDA_DEFAULT_ENV", "base") not in ("base", "root"):
            raise UncertainError("CONDA_DEFAULT_ENV without CONDA_PREFIX")
        prefix = root
    folders = ["/etc/conda", "/var/lib/conda", root]
    if "XDG_CONFIG_HOME" in environ:
        folders.append(environ["XDG_CONFIG_HOME"] + "/conda")
    folders += ["~/.config/conda", "~/.conda"]
    places = []
    for folder in folders:
        places += [folder + "/.condarc", folder + "/condarc", folder + "/condarc.d"]
    places += ["~/.condarc", prefix + "/.condarc", prefix + "/condarc", prefix + "/condarc.d"]
    if "CONDARC" in environ:
        places.append(environ["CONDARC"])
    return list(dict.fromkeys(clean_path(expand_user(place, environ)) for place in places))


def clean_path(path):
    """Return `path` in pathlib's form, by which conda knows whether it has already read a file."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    slashes = "//" if path.startswith("//") and not path.startswith("///") else "/" * path.startswith("/")
    return slashes + "/".join(parts) or "."


def has_suffix(name):
    """Return whether conda reads a file of this name in a configuration folder."""
    return name.rfind(".") > 0 and name.endswith((".yml", ".yaml"))


def is_file_name(name):
    """Return whether conda reads a file of this name that its search path lists."""
    return name in (".condarc", "condarc") or has_suffix(name)


def read_place(path):
    """Return the texts at `path`: that of a file, those in a folder, or none if it does not exist.

    Each path costs one open or one listing, which also shows whether it exists.
    """
    if is_file_name(path.rpartition("/")[2]):
        try:
            text = read_file(path)
        except IsADirectoryError:
            pass
        else:
            return [] if text is None else [text]
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        if error.errno in NOT_THERE:
            return []
        raise UncertainError(path) from None
    texts = []
    for name in filter(has_suffix, names):
        try:
            text = read_file(path + "/" + name)
        except IsADirectoryError:
            continue
        texts += [] if text is None else [text]
    return texts


def read_file(path):
    """Return the text of the file `path`, or None if it does not exist."""
    try:
        # It may be a pipe, which conda skips and on which a read would wait.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            content = read_whole(number)
        finally:
            os.close(number)
    except IsADirectoryError:
        raise
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise UncertainError(path) from None
    if len(content) == LARGEST:
        raise UncertainError(path)
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        # conda reads the file in the encoding of the locale.
        if sys.getfilesystemencoding().lower() != "utf-8":
            raise UncertainError(path) from None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise UncertainError(path) from None
    if not text.replace("\n", "").isprintable():
        raise UncertainError(path)
    return text


def read_whole(number):
    """Read a descriptor to its end, or at most LARGEST bytes; a single read may return less."""
    content = b""
    while len(content) < LARGEST:
        part = os.read(number, LARGEST - len(content))
        if not part:
            break
        content += part
    return content


def read_variables(environ):
    """Return the values that the variables CONDA_... set."""
    found = {}
    for name, value in environ.items():
        if not name.startswith("CONDA_"):
            continue
        key = name[len("CONDA_") :].lower()
        if key in NEVER or (key in KNOWN and (not name.isupper() or "!important" in value)):
            raise UncertainError(name)
        if key in LISTS:
            found[key] = list(dict.fromkeys(filter(None, (part.strip() for part in value.split(":")))))
        elif key in KNOWN:
            found[key] = read_value(key, value.strip(), True)
    return found


def read_value(key, value, is_text):
    """Return the value of one of KNOWN that is not a list; `is_text` says that it is certainly a text."""
    if key == "env_prompt":
        # A plain value is certainly a text only if it cannot be read as a number, a date or null.
        if not is_text and not value.startswith("("):
            raise UncertainError(key)
        return value
    if key == "auto_stack":
        if not value or not DIGITS.issuperset(value) or (value[0] == "0" and value != "0"):
            raise UncertainError(key)
        return int(value)
    if value.lower() not in TRUE + FALSE:
        raise UncertainError(key)
    return value.lower() in TRUE


def read_lines(text):
    """Return the values of KNOWN that a configuration file sets, by key.

    Raises
    ------
    UncertainError
        If the meaning of a line is not certain.
    """
    found, seen = {}, set()
    blocks, comments = split_blocks(text)
    for head, block in blocks:
        key, value, is_text, comment = split_pair(head)
        if key in seen or key in NEVER or (block and value is not None):
            raise UncertainError(key)
        seen.add(key)
        entries = read_block(block)
        comments += [comment] + [entry[2] for entry in entries]
        if key in LISTS:
            found[key] = value if value == [] else read_folders(block, entries)
        elif key in KNOWN:
            found[key] = read_value(key, check_text(value), is_text)
    if found and any(flag in comment for comment in comments for flag in FLAGS):
        raise UncertainError("a flag")
    return found


def split_blocks(text):
    """Return the unindented lines, each with the lines below that belong to it, and the comments.

    A line of a block is a pair: its indentation, and the rest of the line.
    """
    blocks, comments = [], []
    for number, line in enumerate(text.split("\n")):
        content = line.strip(" ")
        depth = len(line) - len(line.lstrip(" "))
        if not content or content.startswith("#"):
            comments.append(content)
        elif depth or content.startswith("- "):
            if not blocks:
                raise UncertainError(line)
            blocks[-1][1].append((depth, content))
        elif content != "---" or number:
            blocks.append((content, []))
    return blocks, comments


def read_block(block):
    """Return the values of a list or a mapping, each as `split_scalar` returns it."""
    if len({(depth, content.startswith("- ")) for depth, content in block}) > 1:
        raise UncertainError("indentation")
    if not block or block[0][1].startswith("- "):
        return [split_scalar(content[2:].lstrip(" ")) for _, content in block]
    pairs = [split_pair(content) for _, content in block]
    if len({pair[0] for pair in pairs}) < len(pairs) or any(pair[1] is None for pair in pairs):
        raise UncertainError("a key twice, or a level more")
    return [pair[1:] for pair in pairs]


def read_folders(block, entries):
    """Return the list of paths that a block holds."""
    if not block or not block[0][1].startswith("- "):
        raise UncertainError("no list")
    return [check_folder(check_text(value), is_text) for value, is_text, _ in entries]


def check_text(value):
    """Return the value of one line, if it is certain."""
    if not isinstance(value, str):
        raise UncertainError(value)
    return value


def check_folder(value, is_text):
    """Return `value`, the path of a folder, if it is certainly a text."""
    if not value or not (is_text or "/" in value):
        raise UncertainError(value)
    return value


def split_pair(content):
    """Return the parts of a line `key: value`: key, value (None for none), whether it is quoted, comment."""
    key, colon, rest = content.partition(":")
    if not colon or not key or not KEY.issuperset(key) or key[0] not in LETTERS | {"_"}:
        raise UncertainError(content)
    if rest and not rest.startswith(" "):
        raise UncertainError(content)
    rest = rest.lstrip(" ")
    if not rest or rest.startswith("#"):
        return key, None, False, rest
    return (key, *split_scalar(rest))


def split_scalar(text):
    """Return the value that `text` begins with, whether it is quoted, and the comment after it.

    A value is a text, a list of what is between `[` and `]`, or the empty mapping `{}`.
    """
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        value, rest = text[1:end], text[end + 1 :]
        if end < 0 or ("\\" in value and text[0] == '"'):
            raise UncertainError(text)
        return value, True, check_comment(rest)
    value, mark, comment = text.partition(" #")
    value = value.rstrip(" ")
    if value[:1] in ("[", "{"):
        return split_flow(value), False, mark + comment
    if not is_plain(value) or ": " in value or value.endswith(":"):
        raise UncertainError(text)
    return value, False, mark + comment


def split_flow(text):
    """Return the list of plain values that `text`, in brackets, holds."""
    if text == "{}":
        return {}
    if not (text.startswith("[") and text.endswith("]")):
        raise UncertainError(text)
    inner = text[1:-1].strip(" ")
    values = [value.strip(" ") for value in inner.split(",")] if inner else []
    for value in values:
        if not is_plain(value) or any(sign in value for sign in ":[]{}'\"#&*!|>%@`?"):
            raise UncertainError(text)
    return values


def is_plain(value):
    """Return whether `value`, without quotes, is a single value to YAML that conda certainly accepts.

    A date is an error to conda, and so may be anything that begins like a number: conda's YAML parser takes
    `0x_` and `._` for numbers, which Python does not, and Python reads no number of more than 4,300 digits.
    """
    if not value or value[0] not in FIRST:
        return False
    if value[0] in DIGITS or (value[0] == "." and value[1:2] in DIGITS | {"_"}):
        return len(value) < LONGEST_NUMBER and not any(sign in value for sign in "-:_")
    return True


def check_comment(rest):
    """Return what follows a quoted value: an empty text or a comment."""
    if rest.strip(" ") and not rest.startswith(" #"):
        raise UncertainError(rest)
    return rest


def expand_user(path, environ):
    """Return `path` with the user's home for a leading `~`, as os.path.expanduser does.

    Raises
    ------
    UncertainError
        If it is another user's home, or if HOME is not set.
    """
    if not path.startswith("~"):
        return path
    if path[1:2] not in ("", "/"):
        raise UncertainError(path)
    home = environ.get("HOME")
    if home is None:
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            raise UncertainError(path) from None
    if not home.startswith("/"):
        raise UncertainError(path)
    return (home.rstrip("/") + path[1:]) or "/"


def expand_variables(text, environ):
    """Return `text` with the values of $NAME and ${NAME} that are set, as os.path.expandvars does."""
    parts = text.split("$")
    expanded = parts[0]
    for part in parts[1:]:
        if part.startswith("{"):
            name, brace, rest = part[1:].partition("}")
            known = brace and name in environ
        else:
            rest = part.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
            name = part[: len(part) - len(rest)]
            known = name in environ
        expanded += environ[name] + rest if known else "$" + part
    return expanded
