"""Lines of start-up files that start conda, activate an environment or set variables of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from stackenv.account.account import Account
from stackenv.account.init_blocks import InitBlock, cut_out, find_init_blocks
from stackenv.account.start_files import Shell, StartFile, parses
from stackenv.health.finding import Finding, RewriteFile

CONDA_INIT_WHY = (
    "each new shell starts that conda before any module is loaded: logins are slow, scp and remote desktops "
    "fail if it fails, and it is not the conda of the site's module"
)
OLD_LINES = re.compile(
    r"(?:\\?\.|\\?source)\s+\S*/etc/(?:profile\.d|fish/conf\.d)/(?:conda|(?:micro)?mamba)\.(?:c?sh|fish)\b"
    r"|\S*eval\b.*\b(?:conda|mamba|micromamba)\b.*\bhook\b"
    r"|.*\bhook\b.*\|\s*source\b"
    r"|.*\b(?:PATH|fish_add_path)\b.*/(?:(?:ana|mini)?conda|(?:mini|mamba)forge|(?:micro)?mamba)\d*"
    r"/(?:conda)?bin\b",
    re.IGNORECASE,
)
# The lines that open and close a construct of several lines, by their first words.
OPENING: Mapping[Shell, re.Pattern[str]] = {
    "csh": re.compile(r"\s*(?:if\b.*\bthen\s*$|switch\b|foreach\b|while\b)"),
    "fish": re.compile(r"\s*(?:if|switch|for|while|begin|function)\b(?!.*;\s*end\s*$)"),
}
CLOSING: Mapping[Shell, re.Pattern[str]] = {
    "csh": re.compile(r"\s*(?:endif|endsw|end)\b"),
    "fish": re.compile(r"\s*end\b"),
}
CONDA = re.compile(r"conda|mamba|miniforge", re.IGNORECASE)


def find_conda_init(account: Account) -> Iterator[Finding]:
    """Yield a finding for each block of `conda init`, and for each other line that starts conda."""
    if account.configuration.conda.init == "allow":
        return
    for file in account.start_files:
        run = {number for number, _ in file.list_lines()}
        blocks = [
            block
            for block in find_init_blocks(file.contents)
            # In a function or here-document, the block does nothing when a shell starts.
            if not block.is_inert and (block.problem or run & set(range(block.first, block.last + 1)))
        ]
        whole = [block for block in blocks if not block.problem]
        if whole:
            yield report_whole(file, whole)
        yield from (report_damaged(file, block) for block in blocks if block.problem)
        yield from find_old_lines(file, blocks, (*account.configuration.conda.names, "Anaconda3")[0])


def report_whole(file: StartFile, blocks: Sequence[InitBlock]) -> Finding:
    """Return the finding about `blocks`, which can be cut out of `file` unless something prevents it."""
    new = cut_out(file.contents, blocks)
    hindrance = file.hindrance or find_surrounding(file, blocks)
    if not hindrance and not parses(file.shell, new):
        hindrance = "removing it would break the lines around it"
    fix = () if hindrance else (RewriteFile(str(file.path), file.contents, new),)
    lines = describe_lines(blocks)
    program = f"{blocks[0].program} init" if blocks[0].program == "conda" else "mamba shell init"
    starts = ", ".join(sorted({block.prefix for block in blocks if block.prefix}))
    return Finding(
        "conda-init",
        "warning",
        f"`{program}` added {lines}" + (f", which start {starts}" if starts else ""),
        f"{file.path}:{blocks[0].first}",
        CONDA_INIT_WHY,
        f"delete {lines} in an editor ({hindrance})" if hindrance else "stackenv check --fix",
        fix,
    )


def find_surrounding(file: StartFile, blocks: Sequence[InitBlock]) -> str:
    """Return why `blocks` cannot be cut out of the lines around them; empty if they can.

    For tcsh and fish, which cannot check the syntax of the rest without running it.
    """
    opening, closing = OPENING.get(file.shell), CLOSING.get(file.shell)
    if not opening or not closing:
        return ""
    for block in blocks:
        before = file.contents[: block.start].decode("utf-8", "surrogateescape").splitlines()
        if sum(bool(opening.match(line)) - bool(closing.match(line)) for line in before) > 0:
            return f"the block in line {block.first} is inside your own code"
    return ""


def describe_lines(blocks: Sequence[InitBlock]) -> str:
    """Return the lines of `blocks` in words."""
    return "lines " + " and ".join(f"{block.first} to {block.last}" for block in blocks)


def report_damaged(file: StartFile, block: InitBlock) -> Finding:
    """Return the finding about `block`; only the user knows which of its lines are conda's."""
    return Finding(
        "conda-init",
        "warning",
        f"the block of `{block.program} init` that begins in line {block.first} was changed: {block.problem}",
        f"{file.path}:{block.first}",
        CONDA_INIT_WHY,
        f"delete the lines of {block.program} in an editor, and keep your own",
    )


def find_old_lines(file: StartFile, blocks: Sequence[InitBlock], module: str) -> Iterator[Finding]:
    """Yield a finding for each line outside of `blocks` that starts conda."""
    inside = {number for block in blocks for number in range(block.first, block.last + 1)}
    # Where a block without an end line ends is unknown.
    opened = min((block.first for block in blocks if block.first == block.last), default=None)
    for number, line in file.list_commands():
        if number in inside or (opened and number > opened):
            continue
        if CONDA.search(line) and OLD_LINES.match(line):
            yield Finding(
                "conda-init",
                "warning",
                f"this line starts conda: {line}",
                f"{file.path}:{number}",
                CONDA_INIT_WHY,
                f"delete line {number} or put # in front of it; then: module load {module}",
            )


ACTIVATE = re.compile(r"(?:(?:conda|mamba|micromamba)\s+|source\s+(?:\S*/)?|\.\s+\S*/)activate\b(?!\S)")
LOAD_MODULE = re.compile(r"(?:module\s+(?:load|add)|ml(?:\s+load)?)\s+(?P<names>.+)")


def find_conda_at_login(account: Account) -> Iterator[Finding]:
    """Yield a finding for each line of a start-up file that activates an environment."""
    names = tuple(name.lower() for name in account.configuration.conda.names)
    for file in account.start_files:
        blocks = list(find_init_blocks(file.contents))
        loads = ""
        for number, command in file.list_commands():
            load = LOAD_MODULE.match(command)
            if load and load["names"].lower().startswith(names):
                loads = f", after `{command}` in line {number}"
            if not ACTIVATE.match(command) or any(b.first < number < b.last for b in blocks):
                continue
            yield Finding(
                "conda-at-login",
                "warning",
                f"each new shell activates an environment: `{command}`{loads}",
                f"{file.path}:{number}",
                "logins wait for it, jobs inherit its programs and libraries, and modules loaded later find "
                "another Python; if it fails, remote desktops and scp fail too",
                f"delete line {number} or put # in front of it; activate it when you need it, and in scripts",
            )


VARIABLES = {
    "PYTHONPATH": "every Python imports from there first, whatever environment or module is loaded",
    "PYTHONHOME": "every other Python looks there for its standard library and does not start",
    "LD_LIBRARY_PATH": "programs of modules and environments load libraries from there before their own",
}


def find_rc_variables(account: Account) -> Iterator[Finding]:
    """Yield a finding for each line of a start-up file that sets PYTHONPATH or one of its kind."""
    for file in account.start_files:
        for number, name, value in file.list_assignments(tuple(VARIABLES)):
            yield Finding(
                "rc-variables",
                "warning",
                f"{name} is set in each new shell: {value}",
                f"{file.path}:{number}",
                VARIABLES[name],
                f"delete line {number} or put # in front of it; to set it for one program: "
                f"env {name}=FOLDER PROGRAM",
            )
