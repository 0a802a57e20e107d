"""How a command is started in an environment: words for sh, and the program that holds them."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

from stackenv.modulefile import InstalledFile
from stackenv.record import FOLDER, Record

# Below the environment's prefix. What others keep leads to this file and no further, so that it stays
# right when the module gets another name or is based on other modules: it is written again then.
LAUNCH_FILE = f"{FOLDER}/launch"
LOSS = "Jupyter kernels of the environment do not start"

# Lmod's own shell code is evaluated by sh, as the function `module` does it. What is loaded is purged
# first, sticky modules aside, so that the result does not depend on the caller's shell. The words that
# the user has silenced (LMOD_QUIET) are heard here: they say why a command was not run. The script has
# no single quotes: quoted as one word it stays as it is, to be read.
PURGE = r"""
stackenv_lmod=$1 stackenv_module=$2 stackenv_file=$3 stackenv_paths=$4
shift 4
stackenv_refuse() {
    printf "stackenv: %s could not be loaded: %s; %s was not run\n" "$stackenv_module" "$1" "$2" >&2
    exit 7
}
stackenv_run_lmod() (
    unset LMOD_QUIET LMOD_EXPERT
    LMOD_REDIRECT=no LMOD_PAGER=none
    export LMOD_REDIRECT LMOD_PAGER
    exec "$stackenv_lmod" sh "$@" </dev/null
)
if [ -n "${LOADEDMODULES-}" ]; then
    stackenv_code=$(stackenv_run_lmod --quiet purge) || stackenv_refuse "module purge failed" "$1"
    eval "$stackenv_code"
fi
"""

# What tells that an environment is active, whoever has activated it: a module, conda's own init, a venv.
OF_ACTIVE = (
    *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL"),
    *("CONDA_PROMPT_MODIFIER", "CONDA_EXE", "CONDA_PYTHON_EXE", "_CE_CONDA", "_CE_M"),
)
# Where Python looks for itself and for packages.
OF_PYTHON = ("PYTHONPATH", "EBPYTHONPREFIXES", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE")
# How a server has its own Python run, and what that is not to see.
OF_SERVER = (
    *("PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONSAFEPATH", "PYTHONOPTIMIZE", "PYTHONSTARTUP"),
    "PYTHONINSPECT",
)

# For a command that a server starts: what the server has active, and where its Python looks, is none of
# the command's business. Nothing is deactivated by conda: that would run its packages' scripts. Sticky
# modules keep their libraries. The recorded folders of modules come first, whatever order the server has
# them in.
FORGET = r"""
stackenv_leave() {
    while [ -n "$1" ]; do
        case ":$PATH:" in
        *":$1/bin:"*) ;;
        *) return 0 ;;
        esac
        PATH=":$PATH:"
        PATH="${PATH%%":$1/bin:"*}:${PATH#*":$1/bin:"}"
        PATH=${PATH#:} PATH=${PATH%:}
    done
}
stackenv_leave "${VIRTUAL_ENV-}"
stackenv_leave "${CONDA_PREFIX-}"
stackenv_level=1
while eval "[ -n \"\${CONDA_PREFIX_$stackenv_level-}\" ]"; do
    eval "stackenv_leave \"\$CONDA_PREFIX_$stackenv_level\""
    unset "CONDA_PREFIX_$stackenv_level"
    : $((stackenv_level += 1))
done
unset @NAMES@
[ -n "${LOADEDMODULES-}" ] || unset LD_PRELOAD LD_LIBRARY_PATH
MODULEPATH=$stackenv_paths${MODULEPATH:+:$MODULEPATH} stackenv_paths=""
unset stackenv_level
unset -f stackenv_leave
""".replace("@NAMES@", " ".join((*OF_ACTIVE, *OF_PYTHON, *OF_SERVER)))

# The folders go in front of MODULEPATH in their order, the first of them also where it is there already,
# because another folder with a module of this name must not win. The variables are unset again before
# the command starts, since one of the same name may have been exported.
LOAD = r"""
MODULEPATH=${MODULEPATH-}
while [ -n "$stackenv_paths" ]; do
    stackenv_folder=${stackenv_paths##*:}
    case $stackenv_paths in
    *:*) stackenv_paths=${stackenv_paths%:*} stackenv_first=no ;;
    *) stackenv_paths="" stackenv_first=yes ;;
    esac
    [ -n "$stackenv_folder" ] || continue
    case "$stackenv_first:$MODULEPATH:" in
    no:*":$stackenv_folder:"* | no:"$stackenv_folder:"*) ;;
    *) MODULEPATH=$stackenv_folder${MODULEPATH:+:$MODULEPATH} ;;
    esac
done
export MODULEPATH
stackenv_code=$(stackenv_run_lmod load "$stackenv_module") || stackenv_refuse "its own words stand above" "$1"
eval "$stackenv_code"
case ":${_LMFILES_-}:" in
*":$stackenv_file:"*) ;;
*) stackenv_refuse "Lmod took another module of this name" "$1" ;;
esac
case $1 in
*/*) [ ! -f "$1" ] || stackenv_folder=found ;;
*) stackenv_folder=$(
    set -f
    IFS=:
    for stackenv_folder in $PATH; do
        if [ -f "${stackenv_folder:-.}/$1" ] && [ -x "${stackenv_folder:-.}/$1" ]; then
            echo found
            break
        fi
    done
) ;;
esac
if [ "$stackenv_folder" != found ]; then
    printf "stackenv: there is no command %s in %s\n" "$1" "$stackenv_module" >&2
    exit 127
fi
unset stackenv_lmod stackenv_module stackenv_file stackenv_paths stackenv_folder stackenv_first stackenv_code
unset -f stackenv_refuse stackenv_run_lmod
exec "$@"
"""


def describe_launch(
    lmod: str,
    full_name: str,
    modulefile: str,
    modulepath: str,
    command: Sequence[str],
    afresh: bool = False,
) -> tuple[str, ...]:
    """Return the words that start `command` in the environment of a personal module, by themselves.

    They need no function `module` and nothing of stackenv: a kernel's or a job's description can hold
    them. The status is the command's; 7 when the module cannot be loaded, 127 without such a command.

    Parameters
    ----------
    lmod
        The path of the program `lmod`.
    full_name, modulefile
        Of the module.
    modulepath
        Where it and the modules below it are found: the folder of the module itself first.
    command
        The command and its arguments.
    afresh
        Forget what the caller's environment has active too, and its PYTHONPATH.
    """
    script = f"{PURGE}{FORGET if afresh else ''}{LOAD}"
    return ("/bin/sh", "-c", script, "stackenv-run", lmod, full_name, modulefile, modulepath, *command)


def describe_launch_file(record: Record) -> InstalledFile:
    """Return the program by which others, Jupyter for one, start a command in the environment of `record`."""
    modulefile = f"{record.module_folder}/{record.full_name}.lua"
    modulepath = f"{record.module_folder}:{record.modulepath}"
    words = describe_launch("", record.full_name, modulefile, modulepath, (), afresh=True)
    _, _, script, name, _, full_name, *_ = words
    values = {
        "SCRIPT": script,
        "NAME": name,
        "MODULE": full_name,
        "MODULEFILE": modulefile,
        "MODULEPATH": modulepath,
    }
    return InstalledFile(
        f"{record.path}/{LAUNCH_FILE}", "libexec/launch", values=values, executable=True, loss=LOSS
    )


def launch(words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the process that `words` start."""
    # Python ignores these from its start, and what is ignored stays so in a new program; sh cannot
    # bring them back.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(words[0], list(words), environ)
