"""The syntax of each shell for what the tests do: start with Lmod, set, unset, take a snapshot."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The functions that conda's own hook or stackenv could leave behind.
FUNCTION_NAMES = (
    "conda __conda_activate __conda_deactivate __conda_reactivate __conda_exe __conda_hashr "
    "__add_sys_prefix_to_path __stackenv_conda __stackenv_prompt "
    "mamba __mamba_exe __mamba_hashr __mamba_xctivate __mamba_wrap"
)


def spare_manual_pages(environ: Mapping[str, str]) -> None:
    """Keep the first interactive fish in this home from reading all manual pages.

    It would read them in the background for seconds, to generate completions, if the folder were missing
    (__fish_config_interactive.fish of fish 3).
    """
    Path(environ["HOME"], ".local/share/fish/generated_completions").mkdir(parents=True, exist_ok=True)


def quote_csh(text: str) -> str:
    """Quote `text` for the tests' own scripts, independently of the quoter under test."""
    return "'" + text.replace("'", "'\"'\"'").replace("!", "\\!") + "'"


def quote_fish(text: str) -> str:
    """Quote `text` for the tests' own scripts, independently of the quoter under test."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class Dialect:
    """One shell: its command and its syntax."""

    name: str
    command: tuple[str, ...]
    interactive: tuple[str, ...]
    lmod_name: str
    family: str
    # Empty: the shell cannot list its functions, and is asked for each of `asked_functions`.
    list_functions: str
    list_variables: str
    # Whether `typeset -f NAME`, or what csh and fish have for it, prints a function.
    shows_functions: bool = True
    asked_functions: str = FUNCTION_NAMES

    def start(self, lmod: str) -> str:
        """Return the definition of `module` for a shell without start-up files."""
        if self.family == "csh":
            return f"alias module 'eval `{lmod} {self.lmod_name} \\!*`'"
        if self.family == "fish":
            return f"function module; {lmod} fish $argv | source; end"
        return f'module() {{ eval "$({lmod} {self.lmod_name} "$@")"; }}'

    def quote(self, text: str) -> str:
        return {"csh": quote_csh, "fish": quote_fish, "sh": shlex.quote}[self.family](text)

    def export(self, name: str, value: str) -> str:
        quoted = self.quote(value)
        if self.family == "csh":
            return f"setenv {name} {quoted}"
        if self.family == "fish":
            return f"set -gx {name} {quoted}"
        return f"{name}={quoted}; export {name}"

    def unset(self, name: str) -> str:
        return {"csh": "unsetenv", "fish": "set -e", "sh": "unset"}[self.family] + f" {name}"

    def snapshot(self, folder: str) -> str:
        """Return the code that writes environment, functions and variables into `folder`."""
        ask = f"for f in {self.asked_functions}; do command -v $f || :; done"
        return (
            f"env -0 > {folder}/env\n{self.list_functions or ask} > {folder}/functions\n"
            f"{self.list_variables} > {folder}/variables"
        )

    def prompt(self, file: str) -> str:
        """Return the code that writes the prompt to `file`."""
        if self.family == "csh":
            return f"echo $prompt:q > {file}"
        if self.family == "fish":
            return f"fish_prompt > {file}"
        return f"printf '%s\\n' \"$PS1\" > {file}"

    def status(self, file: str) -> str:
        """Return the code that writes the last command's exit status to `file`."""
        word = "$status" if self.family in ("csh", "fish") else "$?"
        return f"echo {word} >> {file}"


SH_VARIABLES = "set | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'"
DIALECTS = {
    d.name: d
    for d in (
        Dialect(
            "bash",
            ("bash", "--norc", "--noprofile"),
            ("bash", "--norc", "--noprofile", "-i"),
            "bash",
            "sh",
            "declare -F",
            "compgen -v",
        ),
        Dialect(
            "zsh",
            ("zsh", "-f"),
            ("zsh", "-f", "-i"),
            "zsh",
            "sh",
            "print -l ${(ok)functions}",
            "print -l ${(ok)parameters}",
        ),
        Dialect("ksh", ("ksh",), ("ksh", "-i"), "ksh", "sh", "typeset +f", SH_VARIABLES),
        Dialect("mksh", ("mksh",), ("mksh", "-i"), "ksh", "sh", "typeset +f", SH_VARIABLES),
        Dialect("dash", ("dash",), ("dash", "-i"), "sh", "sh", "", SH_VARIABLES, shows_functions=False),
        Dialect(
            "tcsh",
            ("tcsh", "-f"),
            ("tcsh", "-f"),
            "tcsh",
            "csh",
            "alias",
            "set | sed 's/[[:space:]].*//'",
        ),
        Dialect("fish", ("fish",), ("fish", "-i"), "fish", "fish", "functions -a -n", "set -n"),
    )
}
