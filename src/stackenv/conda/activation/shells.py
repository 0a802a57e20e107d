"""The shell code of a capture: source each script as conda does, and look at the shell after each.

Moment 0 is before the first script, moment N after the Nth. A moment is a group of files MOMENT.KIND
in the folder of the run, MOMENT.done the last of them; what a script prints is in MOMENT.output.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from stackenv.errors import StackenvError
from stackenv.modulefile.dialect import quote_csh, quote_sh
from stackenv.modulefile.templates import fill_placeholders

# A script may have set -e, -u or noclobber, or left no PATH: nothing here depends on them.
MOMENT_SH = """\
__stackenv_moment() {
    builtin printf '%s' "$2" >|"$1.status"
    __ENV__ -0 >|"$1.environment"
    builtin compgen -A function >|"$1.function"
    builtin compgen -a >|"$1.alias"
    builtin compgen -v >|"$1.variable"
    { builtin set -o; builtin shopt; } >|"$1.option"
    builtin trap -p >|"$1.trap"
    builtin umask >|"$1.umask"
    builtin pwd >|"$1.folder"
    builtin read -r __stackenv_host </proc/sys/kernel/hostname
    builtin printf '%s' "$__stackenv_host" >|"$1.host"
    : >|"$1.done"
}
"""
# conda/activate.py, `_yield_commands`: PATH loses the environment before deactivate.d runs.
LEAVE_SH = """\
__stackenv_leave() {
    local path=:${PATH-}: entry=:__BIN__:
    path=${path/"$entry"/:}
    path=${path#:}
    PATH=${path%:}
}
__stackenv_leave || :
"""


def find_program(name: str) -> str:
    """Return the absolute path of the program `name`.

    Raises
    ------
    StackenvError
        When there is none on PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise StackenvError(
            f"there is no {name} on PATH, so the activation of a conda environment cannot be captured",
            f"put the folder of {name} on PATH: export PATH=/usr/bin:/bin:$PATH",
        )
    return found


def write_bash(activate: Sequence[str], deactivate: Sequence[str], prefix: str, folder: str) -> str:
    """Return the code for bash, whose moments go to `folder`.

    Each script is sourced in a function, as conda sources it: a `declare` in it is local.
    """
    lines = [
        fill_placeholders(MOMENT_SH, {"ENV": find_program("env")}, "sh"),
        f"__stackenv_moment {quote_sh(folder + '/0')} 0 || :",
    ]
    for number, script in enumerate([*activate, *deactivate], 1):
        if number == len(activate) + 1:
            lines.append(fill_placeholders(LEAVE_SH, {"BIN": f"{prefix}/bin"}, "sh"))
        moment = f"{folder}/{number}"
        lines += [
            f"__stackenv_{number}() {{ . {quote_sh(script)} >|{quote_sh(moment + '.output')} 2>&1; }}",
            f"__stackenv_{number}",
            f'__stackenv_moment {quote_sh(moment)} "$?" || :',
        ]
    return "\n".join([*lines, ""])


def write_tcsh(scripts: Sequence[str], folder: str) -> str:
    """Return the code for tcsh, whose moments go to `folder`."""
    lines = ["set __stackenv_status = 0"]
    for number, script in enumerate(["", *scripts]):
        moment = f"{folder}/{number}"
        if script:
            lines += [
                f"source {quote_csh(script)} >&! {quote_csh(moment + '.output')}",
                "set __stackenv_status = $status",
            ]
        lines += [
            f"echo $__stackenv_status >! {quote_csh(moment + '.status')}",
            f"{quote_csh(find_program('env'))} -0 >! {quote_csh(moment + '.environment')}",
            f"alias >! {quote_csh(moment + '.alias')}",
            f"echo >! {quote_csh(moment + '.done')}",
        ]
    return "\n".join([*lines, ""])
