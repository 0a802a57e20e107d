"""One quoter and one renderer of operations for each shell dialect; the standard library only.

This file is also installed beside a conda installation's `activation.py`, as stackenv_dialect.py, and runs
there under the installation's own Python, so it imports nothing.

An operation is a tuple: ("export", name, value), ("unset", name), ("source", path) or
("prompt", text).
"""

# Do without `re` and `shlex`: importing them takes longer than the rest of an activation.
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
OF_NAMES = LETTERS | frozenset("0123456789")
# As in shlex.quote, but without `=`: zsh expands =NAME to the path of the command NAME (EQUALS).
SAFE = OF_NAMES | frozenset("@%+:,./-")


def quote_sh(text: str) -> str:
    """Return `text` as one word of bash, zsh, ksh, mksh and dash (POSIX shell, 2.2.2)."""
    if text and SAFE.issuperset(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def quote_csh(text: str) -> str:
    """Return `text` as one word of tcsh and csh, also in `eval`.

    Inside single quotes only `!` (history, also in scripts) and a newline are special; both take a
    backslash (tcsh(1), "Lexical structure").
    """
    escaped = text.replace("'", "'\\''").replace("!", "\\!").replace("\n", "\\\n")
    return "'" + escaped + "'"


def quote_fish(text: str) -> str:
    """Return `text` as one word of fish: in single quotes only \\ and ' are special (fish, "Quotes")."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# In fish the prompt is not a text but a function, which is wrapped while an environment is active.
FISH_PROMPT_ON = """\
if functions -q fish_prompt; and not functions -q __stackenv_prompt
    functions -c fish_prompt __stackenv_prompt
    function __stackenv_status
        return $argv[1]
    end
    function fish_prompt
        set -l __se_status $status
        printf %s "$CONDA_PROMPT_MODIFIER"
        __stackenv_status $__se_status
        __stackenv_prompt
    end
end"""
FISH_PROMPT_OFF = """\
if functions -q __stackenv_prompt
    functions -e fish_prompt
    functions -c __stackenv_prompt fish_prompt
    functions -e __stackenv_prompt __stackenv_status
end"""


def is_name(name: str) -> bool:
    """Return whether `name` can be the name of a variable in every dialect."""
    return name[:1] in LETTERS and OF_NAMES.issuperset(name)


def check_name(name: str) -> str:
    """Return `name`; raise ValueError if it cannot be the name of a variable in every dialect."""
    if not is_name(name):
        raise ValueError("not the name of a variable: " + repr(name))
    return name


def render_sh(operation: "tuple[str, ...]") -> str:
    """Return the statement of sh that carries out `operation`."""
    verb, *words = operation
    if verb == "export":
        name = check_name(words[0])
        return name + "=" + quote_sh(words[1]) + "; export " + name
    if verb == "unset":
        return "unset " + check_name(words[0])
    if verb == "source":
        return ". " + quote_sh(words[0])
    return "PS1=" + quote_sh(words[0])


def render_csh(operation: "tuple[str, ...]") -> str:
    """Return the statement of csh that carries out `operation`, with its semicolon."""
    verb, *words = operation
    if verb == "export":
        return "setenv " + check_name(words[0]) + " " + quote_csh(words[1]) + ";"
    if verb == "unset":
        return "unsetenv " + check_name(words[0]) + ";"
    if verb == "source":
        return "source " + quote_csh(words[0]) + ";"
    return "set prompt = " + quote_csh(words[0]) + ";"


def render_fish(operation: "tuple[str, ...]") -> str:
    """Return the statement of fish that carries out `operation`."""
    verb, *words = operation
    if verb == "export":
        # PATH is a list in fish; entries are quoted one by one.
        values = words[1].split(":") if words[0] == "PATH" else [words[1]]
        return " ".join(["set -gx", check_name(words[0]), *map(quote_fish, values)])
    if verb == "unset":
        return "set -e " + check_name(words[0])
    if verb == "source":
        return "source " + quote_fish(words[0])
    return FISH_PROMPT_ON if words[0] else FISH_PROMPT_OFF


DIALECTS = {"sh": render_sh, "csh": render_csh, "fish": render_fish}
