# Reads the command line of a conda or mamba: the command, and the environments that it names. Only mamba uses all
# of these variables:
# shellcheck disable=SC2034

# Sets stackenv_found to the environment of a name, if one of the folders in the variables contains it.
stackenv_find_named() {
    stackenv_found=''
    set -f
    IFS=:
    for stackenv_folder in ${CONDA_ENVS_DIRS-} ${CONDA_ENVS_PATH-}; do
        case $stackenv_folder in \~/*) stackenv_folder=${HOME-}/${stackenv_folder#??} ;; esac
        [ -d "$stackenv_folder/$1/conda-meta" ] || continue
        stackenv_found=$stackenv_folder/$1
        break
    done
    unset IFS
    set +f
    [ -n "$stackenv_found" ]
}

# Sets stackenv_found to the environment at a path, or with a name.
stackenv_find() {
    stackenv_found=''
    case $1 in
        '') ;;
        \~/*) stackenv_found=${HOME-}/${1#??} ;;
        */*) stackenv_found=$1 ;;
        *)
            # It may be in a folder that a condarc names.
            stackenv_find_named "$1" || stackenv_ask_conda "$1" there
            ;;
    esac
}

# Sets stackenv_found to the environment that conda finds by name, or, with the word `new`, would create. If conda
# cannot be asked, sets stackenv_failed to its message. This takes 0.1 s.
stackenv_ask_conda() {
    stackenv_found=$(__PYTHON__ -I -c 'import sys
try:
    from conda.base.context import context, locate_prefix_by_name, reset_context
    reset_context(argparse_args={"name": sys.argv[1]})
    print(context.target_prefix if sys.argv[2] == "new" else locate_prefix_by_name(sys.argv[1]))
except Exception as error:
    if type(error).__name__ != "EnvironmentNameNotFound":
        print(error)
        sys.exit(1)' "$1" "$2" 2>/dev/null) && return
    stackenv_failed=${stackenv_found:-conda cannot be run}
    stackenv_found=''
}

# Whether that environment is packed.
stackenv_is_packed() {
    stackenv_find "$1"
    [ -e "${stackenv_found:-/nowhere}/stackenv/packed" ]
}

# The command, the environments that it names, and the position of the word that gives the name.
stackenv_verb='' stackenv_name='' stackenv_prefix='' stackenv_clone='' stackenv_new='' stackenv_deletes='' stackenv_option=''
stackenv_file='' stackenv_root='' stackenv_failed='' stackenv_number=0 stackenv_named_at=0
for stackenv_word; do
    : $((stackenv_number += 1))
    # The word after an option that takes a value is that value, not a command.
    case $stackenv_word in -*) stackenv_option='' ;; esac
    case $stackenv_option in
        -n) stackenv_word=--name=$stackenv_word ;;
        -p) stackenv_word=--prefix=$stackenv_word ;;
        -r) stackenv_word=--root-prefix=$stackenv_word ;;
        -f) stackenv_word=--file=$stackenv_word ;;
        -?*) stackenv_word=$stackenv_option=$stackenv_word ;;
    esac
    stackenv_option=''
    # Flags of one letter may be joined with an option, as in -yn.
    while :; do
        case $stackenv_word in
            -[dkqvy][!=]*) stackenv_word=-${stackenv_word#-?} ;;
            *) break ;;
        esac
    done
    # Options with a value: those of conda and mamba, those that mamba accepts before its command too, and those of
    # its `run`, whose letters are flags elsewhere (mamba-org/mamba, micromamba/src/common_options.cpp and run.cpp).
    case $stackenv_verb:$stackenv_word in
        *:-n | *:--name | *:-p | *:--prefix | *:--clone | *:--cwd | *:-f | *:--file | \
            *:-r | *:--root-prefix | *:--relocate-prefix | *:--log-level | *:--rc-file | \
            shell*:-s | shell*:--shell | run:-e | run:--env | run:-a | run:--attach | run:--label)
            stackenv_option=$stackenv_word
            ;;
    esac
    case $stackenv_word in
        -n | --name | -n?* | --name=*) [ "$stackenv_named_at" -gt 0 ] || stackenv_named_at=$stackenv_number ;;
    esac
    case $stackenv_word in
        -n=* | --name=*) stackenv_name=${stackenv_word#*=} ;;
        -p=* | --prefix=*) stackenv_prefix=${stackenv_word#*=} ;;
        --clone=*) stackenv_clone=${stackenv_word#*=} ;;
        -n?*) stackenv_name=${stackenv_word#-n} ;;
        -p?*) stackenv_prefix=${stackenv_word#-p} ;;
        -f=* | --file=*) stackenv_file=${stackenv_word#*=} ;;
        -f?*) stackenv_file=${stackenv_word#-f} ;;
        -r=* | --root-prefix=*) stackenv_root=${stackenv_word#*=} ;;
        -r?*) stackenv_root=${stackenv_word#-r} ;;
        --all) stackenv_deletes=remove ;;
        -h | --help) stackenv_verb=help ;;
        # This removes what `conda init` has written.
        --reverse) [ "$stackenv_verb" != init ] || stackenv_verb='init --reverse' ;;
        '' | -*) ;;
        *)
            case $stackenv_verb in
                '') stackenv_verb=$stackenv_word ;;
                env | shell | 'env config' | 'env config vars') stackenv_verb="$stackenv_verb $stackenv_word" ;;
                rename) stackenv_new=$stackenv_word ;;
                run) break ;;
            esac
            ;;
    esac
done
case $stackenv_prefix in
    '' | */*) ;;
    *) stackenv_prefix=__PLAIN_PREFIX__/$stackenv_prefix ;;
esac
stackenv_target=${stackenv_prefix:-$stackenv_name}
# Only conda can find an environment that a file names, or that nothing names. Two files in a packed environment
# stop conda itself: conda-meta/pinned when it solves, and, from 25.5 on, conda-meta/frozen in install, update and
# remove, with or without `env` (CEP 22, conda/conda#14766). Neither stops `create`, `rename` and `env config vars`,
# nor, before 25.5, `env remove`, `remove --all`, --no-pin, --force and a package file (tested with conda 24.7.1).
case $stackenv_verb in
    remove | uninstall) stackenv_target=${stackenv_target:-${CONDA_PREFIX-}} ;;
    install | update | upgrade | rename | 'env config vars '*set)
        stackenv_target=${stackenv_target:-${CONDA_PREFIX-}} stackenv_deletes=''
        ;;
    'env update') stackenv_deletes='' ;;
    create | 'env create' | 'env remove') stackenv_deletes=remove ;;
    *) stackenv_target='' stackenv_clone='' ;;
esac
