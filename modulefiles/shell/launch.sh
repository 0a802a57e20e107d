# Starts a command in the environment of a personal module: AFRESH LMOD MODULE MODULEFILE MODULEPATH COMMAND...
# With AFRESH `yes` what the caller has active, and its PYTHONPATH, is forgotten too. No quote is a single one: in
# single quotes this is one word, as it is.
stackenv_afresh=$1 stackenv_lmod=$2 stackenv_module=$3 stackenv_file=$4 stackenv_paths=$5
shift 5
stackenv_refuse() {
    printf "stackenv: %s could not be loaded: %s; %s was not run\n" "$stackenv_module" "$1" "$2" >&2
    exit 7
}
# What Lmod writes for sh is evaluated, as the function `module` does it. The words that the user has silenced
# (LMOD_QUIET) are heard here: they say why a command was not run.
stackenv_run_lmod() (
    unset LMOD_QUIET LMOD_EXPERT
    LMOD_REDIRECT=no LMOD_PAGER=none
    export LMOD_REDIRECT LMOD_PAGER
    exec "$stackenv_lmod" sh "$@" </dev/null
)
# Sticky modules aside, so that the outcome does not depend on the shell of the caller.
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
    # What the module stackenv had set (lua/set_noted.lua) stays as it was, for the module that told it a folder
    # may be gone. What the purge has left is the own value of the user.
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
    # It comes back: what is downloaded here goes to the caches of the site, not to the home.
    if [ -n "$stackenv_own" ]; then
        stackenv_code=$(stackenv_run_lmod --quiet try-load "$stackenv_own") && eval "$stackenv_code"
    fi
fi
# For a command that a server starts: what the server has active, and where its Python looks, must not reach the
# command. Nothing is deactivated by conda: that would run the scripts of its packages. Sticky modules keep their
# libraries. The recorded folders of modules come first, whatever order the server has them in.
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
    # What tells that an environment is active, whoever has activated it: a module, the init of conda, a venv.
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL CONDA_PROMPT_MODIFIER
    unset CONDA_EXE CONDA_PYTHON_EXE _CE_CONDA _CE_M
    # Where Python looks for itself and for packages.
    unset PYTHONPATH EBPYTHONPREFIXES PYTHONHOME PYTHONPLATLIBDIR PYTHONEXECUTABLE
    # How a server has its own Python run, and what that is not to see.
    unset PYTHONNOUSERSITE PYTHONUSERBASE PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONSTARTUP PYTHONINSPECT
    case ${LOADEDMODULES-} in
    "" | "$stackenv_own") unset LD_PRELOAD LD_LIBRARY_PATH ;;
    esac
    MODULEPATH=$stackenv_paths${MODULEPATH:+:$MODULEPATH} stackenv_paths=""
    unset stackenv_level
    unset -f stackenv_leave
fi
# The folders go in front of MODULEPATH in their order, the first of them also where it is there already, because
# another folder with a module of this name must not win.
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
# One of the same name may have been exported.
unset stackenv_afresh stackenv_lmod stackenv_module stackenv_file stackenv_paths
unset stackenv_folder stackenv_first stackenv_code stackenv_own stackenv_set stackenv_entry
unset -f stackenv_refuse stackenv_run_lmod
exec "$@"
