"""The launcher: a command in an environment, with no process of stackenv or Lmod left around it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

# Lmod's own shell code is evaluated by sh, as the function `module` does it. What is loaded is purged
# first, sticky modules aside, so that the result does not depend on the caller's shell. The words that
# the user has silenced (LMOD_QUIET) are heard here: they say why a command was not run. The folders go
# in front of MODULEPATH in their order, the first of them also where it is there already, because
# another folder with a module of this name must not win. The variables are unset again before the
# command starts, since one of the same name may have been exported.
SCRIPT = r"""
stackenv_lmod=$1 stackenv_module=$2 stackenv_file=$3 stackenv_paths=$4
shift 4
stackenv_refuse() {
    printf 'stackenv: %s could not be loaded: %s; %s was not run\n' "$stackenv_module" "$1" "$2" >&2
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
MODULEPATH=${MODULEPATH-}
while [ -n "$stackenv_paths" ]; do
    stackenv_folder=${stackenv_paths##*:}
    case $stackenv_paths in
    *:*) stackenv_paths=${stackenv_paths%:*} stackenv_first=no ;;
    *) stackenv_paths='' stackenv_first=yes ;;
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
    printf 'stackenv: there is no command %s in %s\n' "$1" "$stackenv_module" >&2
    exit 127
fi
unset stackenv_lmod stackenv_module stackenv_file stackenv_paths stackenv_folder stackenv_first stackenv_code
unset -f stackenv_refuse stackenv_run_lmod
exec "$@"
"""


def describe_launch(
    lmod: str, full_name: str, modulefile: str, modulepath: str, command: Sequence[str]
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
    """
    return ("/bin/sh", "-c", SCRIPT, "stackenv-run", lmod, full_name, modulefile, modulepath, *command)


def launch(words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the process that `words` start."""
    # Python ignores these from its start, and what is ignored stays so in a new program; sh cannot
    # bring them back.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(words[0], list(words), environ)
