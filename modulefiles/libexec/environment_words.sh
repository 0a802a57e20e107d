# Reads the words of a command line of conda's or mamba's: what it is to do, and to which environment. Some of that
# is for mamba alone:
# shellcheck disable=SC2034

# Sets stackenv_found to the environment of a name, where one of the folders in the variables has it.
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

# Sets stackenv_found to the environment of a path, or of a name.
stackenv_find() {
    stackenv_found=''
    case $1 in
        '') ;;
        \~/*) stackenv_found=${HOME-}/${1#??} ;;
        */*) stackenv_found=$1 ;;
        *)
            # It may be where a condarc leads.
            stackenv_find_named "$1" || stackenv_ask_conda "$1" there
            ;;
    esac
}

# Sets stackenv_found to the environment of a name that conda finds, or with the word `new` would make; where it
# cannot be asked, stackenv_failed to what it says. It takes 0.1 s.
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

# Whether that is packed.
stackenv_is_packed() {
    stackenv_find "$1"
    [ -e "${stackenv_found:-/nowhere}/stackenv/packed" ]
}

# The command, and the environments that it names; the number of the word that says the name.
stackenv_verb='' stackenv_name='' stackenv_prefix='' stackenv_clone='' stackenv_new='' stackenv_deletes='' stackenv_option=''
stackenv_file='' stackenv_root='' stackenv_failed='' stackenv_number=0 stackenv_named_at=0
for stackenv_word; do
    : $((stackenv_number += 1))
    # The word behind an option that takes a value is that, and no command.
    case $stackenv_word in -*) stackenv_option='' ;; esac
    case $stackenv_option in
        -n) stackenv_word=--name=$stackenv_word ;;
        -p) stackenv_word=--prefix=$stackenv_word ;;
        -r) stackenv_word=--root-prefix=$stackenv_word ;;
        -f) stackenv_word=--file=$stackenv_word ;;
        -?*) stackenv_word=$stackenv_option=$stackenv_word ;;
    esac
    stackenv_option=''
    # Flags that have one letter may stand before an option, as in -yn.
    while :; do
        case $stackenv_word in
            -[dkqvy][!=]*) stackenv_word=-${stackenv_word#-?} ;;
            *) break ;;
        esac
    done
    # With a value in conda and mamba alike; of mamba, before its command too; of its `run`, where others have flags of
    # these letters (mamba-org/mamba, micromamba/src/common_options.cpp and run.cpp).
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
        # It takes back what `conda init` has written.
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
# An environment that only a file or nothing names is found by conda alone, which stops at conda-meta/pinned
# when it solves, and from 25.5 on at conda-meta/frozen in install, update and remove, `env` in front or not
# (CEP 22, conda/conda#14766). Neither stops `create`, `rename` and `env config vars`, nor, before 25.5,
# `env remove`, `remove --all`, --no-pin, --force and a package's own file (tried with conda 24.7.1).
case $stackenv_verb in
    remove | uninstall) stackenv_target=${stackenv_target:-${CONDA_PREFIX-}} ;;
    install | update | upgrade | rename | 'env config vars '*set)
        stackenv_target=${stackenv_target:-${CONDA_PREFIX-}} stackenv_deletes=''
        ;;
    'env update') stackenv_deletes='' ;;
    create | 'env create' | 'env remove') stackenv_deletes=remove ;;
    *) stackenv_target='' stackenv_clone='' ;;
esac
