"""The files of stackenv's own module: the command, its man pages and its completions.

easyconfigs/stackenv-VERSION.eb runs this in the environment into which it installs stackenv: `python -I -m
stackenv.cli.completions_and_man INSTALLDIR`. `stackenv site install` does so too, and also passes the final
path of the folder. click-man is needed only here, while the module is built.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path

import click

from stackenv import __version__
from stackenv.cli.main import stackenv
from stackenv.cli.options import EXIT_STATUS
from stackenv.modulefile.dialect import quote_sh
from stackenv.modulefile.spec import SHIPPED
from stackenv.plain_files import read_file_text
from stackenv.transactions.files import write_file

COMMAND = """\
#!/bin/sh
# -I: stackenv's Python ignores PYTHONPATH, PYTHONHOME and the user site. It must not use the libraries of
# loaded modules either; libexec/stackenv restores them for the programs that stackenv starts.
if [ -n "${{LD_LIBRARY_PATH+set}}" ]; then
    STACKENV_LD_LIBRARY_PATH=$LD_LIBRARY_PATH
    export STACKENV_LD_LIBRARY_PATH
    unset LD_LIBRARY_PATH
else
    unset STACKENV_LD_LIBRARY_PATH
fi
# -S: on Ctrl-C while it imports site, Python prints a traceback; so libexec/stackenv imports it instead.
exec {python} -I -S {launcher} "$@"
"""
LAUNCHER = """\
# `signal` imports enum and more; this one is built in. From here on, Ctrl-C prints no traceback.
import _signal as signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import os
import site
import sys

site.main()
kept = os.environ.pop("STACKENV_LD_LIBRARY_PATH", None)
if kept is not None:
    os.environ["LD_LIBRARY_PATH"] = kept

from stackenv.cli.start import end, main

end(main())
"""
# Where the module keeps the files of modulefiles/completion. zsh loads a function from a file of its name.
COMPLETIONS = {
    "bash/stackenv": "stackenv.bash",
    "zsh/_stackenv_completion": "stackenv.zsh",
    "fish/stackenv.fish": "stackenv.fish",
}
REFERENCE = re.compile(r"(?<=See \\fB)[a-z -]+(?=\(1\))")


def escape_roff(text: str) -> str:
    """Return `text` so that roff shows it unchanged, without escapes or lines that look like requests."""
    return re.sub(r"^(?=[.'])", r"\\&", text.replace("\\", r"\e"), flags=re.MULTILINE)


def render_paragraph(paragraph: str) -> str:
    """Return a paragraph of click's help in roff; `\\b` marks one whose lines stay as they are."""
    if paragraph.startswith("\b\n"):
        return f".nf\n{escape_roff(paragraph[2:])}\n.fi"
    return escape_roff(paragraph)


def write_man_pages(folder: Path) -> None:
    """Write the page of every command into `folder`; their help texts become roff."""
    from click_man.core import write_man_pages as write_pages  # type: ignore

    pending: list[click.Command] = [stackenv]
    while pending:
        command = pending.pop()
        # click-man copies these unchanged; its own summary would be cut at 45 characters.
        command.short_help = escape_roff(command.get_short_help_str(limit=1000))
        paragraphs = [*inspect.cleandoc(command.help or "").split("\n\n"), EXIT_STATUS]
        command.help = "\n\n".join(render_paragraph(text) for text in paragraphs if text)
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.help:
                parameter.help = escape_roff(parameter.help)
        commands = getattr(command, "commands", {})
        for name in [name for name, below in commands.items() if below.hidden]:
            # click-man 0.6.0 writes no page for a hidden command, but still refers to one.
            del commands[name]
        pending += commands.values()
    folder.mkdir(parents=True, exist_ok=True)
    write_pages("stackenv", stackenv, version=__version__, target_dir=str(folder))
    for page in folder.iterdir():
        # click-man refers to the page of a group as "stackenv site-check", but its file is
        # stackenv-site-check.1.
        page.write_text(REFERENCE.sub(lambda name: name.group().replace(" ", "-"), read_file_text(page)))


def write_own_module(folder: Path, place: Path) -> None:
    """Write the files of stackenv's module into `folder`, which will be moved to the absolute path `place`.

    The command starts the Python that runs this function.
    """
    command, launcher = "bin/stackenv", "libexec/stackenv"
    texts = {
        command: COMMAND.format(python=quote_sh(sys.executable), launcher=quote_sh(str(place / launcher))),
        launcher: LAUNCHER,
        **{
            f"completions/{path}": read_file_text(SHIPPED / "completion" / name)
            for path, name in COMPLETIONS.items()
        },
    }
    for path, text in texts.items():
        write_file(folder / path, text, executable=path == command, by_umask=True)


if __name__ == "__main__":
    installation, *at = map(Path, sys.argv[1:])
    write_own_module(installation, *(at or [installation]))
    # EasyBuild's installation must have man pages; `stackenv site install` reports if there are none.
    if not at or importlib.util.find_spec("click_man"):
        write_man_pages(installation / "man/man1")
