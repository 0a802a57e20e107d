# Starts a command in the environment of a personal module: AFRESH LMOD MODULE MODULEFILE MODULEPATH COMMAND...
# If AFRESH is `yes`, the active environments and the PYTHONPATH of the caller are removed too. This file has no
# single quotes, so that all of it can be quoted as one word.
stackenv_afresh=$1 stackenv_lmod=$2 stackenv_module=$3 stackenv_file=$4 stackenv_paths=$5
shift 5
stackenv_refuse() {
    printf "stackenv: %s could not be loaded: %s; %s was not run\n" "$stackenv_module" "$1" "$2" >&2
    exit 7
}
# Runs Lmod for sh; its output is evaluated, as by the function `module`. Messages that the user has silenced with
# LMOD_QUIET are shown here, because they say why a command was not run.
stackenv_run_lmod() (
    unset LMOD_QUIET LMOD_EXPERT
    LMOD_REDIRECT=no LMOD_PAGER=none
    export LMOD_REDIRECT LMOD_PAGER
    exec "$stackenv_lmod" sh "$@" </dev/null
)
# Unload all but sticky modules, so that the result does not depend on the shell of the caller.
stackenv_own=""
if [ -n "${LOADEDMODULES-}" ]; then
    stackenv_own=$(
        set -f
        IFS=:
        for stackenv_own in $LOADEDMODULES; do
            case $stackenv_own in (stackenv/* | */stackenv/*) echo "$stackenv_own" ;; esac
        done
    )
    stackenv_set=${STACKENV_SET-}
    stackenv_code=$(stackenv_run_lmod --quiet purge) || stackenv_refuse "module purge failed" "$1"
    eval "$stackenv_code"
    # Keep what the module stackenv has set (lua/set_noted.lua), because the module that gave it a folder may be
    # unloaded now. A variable that is still set after the purge has a value of the user.
    while [ -n "$stackenv_set" ]; do
        stackenv_entry=${stackenv_set%%:*}
        stackenv_set=${stackenv_set#"$stackenv_entry"} stackenv_set=${stackenv_set#:}
        case $stackenv_entry in
        [A-Za-z_]*=*) ;;
        *) continue ;;
        esac
        case ${stackenv_entry%%=*} in *[!A-Za-z0-9_]*) continue ;; esac
        eval "[ -z \"\${${stackenv_entry%%=*}+set}\" ]" || continue
        export "${stackenv_entry%%=*}=${stackenv_entry#*=}"
        export STACKENV_SET="${STACKENV_SET:+$STACKENV_SET:}$stackenv_entry"
    done
    # Load the module stackenv again, so that downloads go to the caches of the site, not to the home.
    if [ -n "$stackenv_own" ]; then
        stackenv_code=$(stackenv_run_lmod --quiet try-load "$stackenv_own") && eval "$stackenv_code"
    fi
fi
# For a command that a server starts: the active environments of the server, and the paths of its Python, must not
# affect the command. They are not deactivated by conda, which would run the scripts of packages. Sticky modules keep
# their libraries. The recorded folders of modules come first, whatever their order in the server is.
if [ "$stackenv_afresh" = yes ]; then
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
    # Variables that mark an environment as active, whether by a module, the init of conda or a venv.
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL CONDA_PROMPT_MODIFIER
    unset CONDA_EXE CONDA_PYTHON_EXE _CE_CONDA _CE_M
    # Where Python looks for itself and for packages.
    unset PYTHONPATH EBPYTHONPREFIXES PYTHONHOME PYTHONPLATLIBDIR PYTHONEXECUTABLE
    # How the Python of the server runs, and what it ignores.
    unset PYTHONNOUSERSITE PYTHONUSERBASE PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONSTARTUP PYTHONINSPECT
    case ${LOADEDMODULES-} in
    "" | "$stackenv_own") unset LD_PRELOAD LD_LIBRARY_PATH ;;
    esac
    MODULEPATH=$stackenv_paths${MODULEPATH:+:$MODULEPATH} stackenv_paths=""
    unset stackenv_level
    unset -f stackenv_leave
fi
# Put the folders in front of MODULEPATH, in order. The first one is added even if it is there already, because
# a module of the same name in another folder must not be loaded instead.
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
stackenv_code=$(stackenv_run_lmod load "$stackenv_module") || stackenv_refuse "see its messages above" "$1"
eval "$stackenv_code"
case ":${_LMFILES_-}:" in
*":$stackenv_file:"*) ;;
*) stackenv_refuse "Lmod loaded another module of this name" "$1" ;;
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
    printf "stackenv: command %s not found in %s\n" "$1" "$stackenv_module" >&2
    exit 127
fi
# The caller may have exported variables of the same names.
unset stackenv_afresh stackenv_lmod stackenv_module stackenv_file stackenv_paths
unset stackenv_folder stackenv_first stackenv_code stackenv_own stackenv_set stackenv_entry
unset -f stackenv_refuse stackenv_run_lmod
exec "$@"
