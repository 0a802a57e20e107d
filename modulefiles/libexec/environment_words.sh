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
            # It may be where a condarc leads; to ask conda takes 0.1 s.
            stackenv_find_named "$1" || stackenv_found=$(__PYTHON__ -I -c 'import sys
from conda.base.context import locate_prefix_by_name, reset_context
reset_context()
print(locate_prefix_by_name(sys.argv[1]))' "$1" 2>/dev/null)
            ;;
    esac
}

# Whether that is packed.
stackenv_is_packed() {
    stackenv_find "$1"
    [ -e "${stackenv_found:-/nowhere}/stackenv/packed" ]
}

# The command, and the environments that it names.
stackenv_verb='' stackenv_name='' stackenv_prefix='' stackenv_clone='' stackenv_new='' stackenv_deletes='' stackenv_before=''
stackenv_file='' stackenv_root=''
for stackenv_word; do
    case $stackenv_before in
        -n | -[dkqvy]*n) stackenv_word=--name=$stackenv_word ;;
        -p | -[dkqvy]*p) stackenv_word=--prefix=$stackenv_word ;;
        --name | --prefix | --clone | --cwd) stackenv_word=$stackenv_before=$stackenv_word ;;
        # Of mamba.
        -r | --root-prefix | -s | --shell) stackenv_word=$stackenv_before=$stackenv_word ;;
        -f | --file) stackenv_file=$stackenv_word ;;
    esac
    stackenv_before=$stackenv_word
    case $stackenv_word in
        -n=* | --name=*) stackenv_name=${stackenv_word#*=} ;;
        -p=* | --prefix=*) stackenv_prefix=${stackenv_word#*=} ;;
        --clone=*) stackenv_clone=${stackenv_word#*=} ;;
        -n?*) stackenv_name=${stackenv_word#-n} ;;
        -p?*) stackenv_prefix=${stackenv_word#-p} ;;
        --file=*) stackenv_file=${stackenv_word#*=} ;;
        -r=* | --root-prefix=*) stackenv_root=${stackenv_word#*=} ;;
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
    *) stackenv_prefix=./$stackenv_prefix ;;
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
