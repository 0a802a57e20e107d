# shellcheck shell=sh
# Sets up what the tests and the demonstration need: Debian packages, and the ignored folder .work.
#
#   sh tests/prepare.sh             everything, as many pieces in parallel as there are processors
#   sh tests/prepare.sh demo        what the demonstration needs
#   sh tests/prepare.sh quick       what `sh tests/run.sh --quick` needs
#   sh tests/prepare.sh PIECE       one piece of prepare_piece below, without its dependencies
#   . tests/prepare.sh              defines the functions, for a script of this folder
#
# Each piece has a stamp with a hash of its inputs, which is written last: a second run does nothing, and an
# interrupted piece is rebuilt. pip uses the user's settings.

prepare_tests=$(cd "$(dirname "$0")" && pwd -P) || exit
prepare_checkout=$(dirname "$prepare_tests")
prepare_work=$prepare_checkout/.work
prepare_packages='lmod zsh tcsh fish ksh mksh strace shellcheck lua-check git python3 python3-venv python3-dev gcc make'
prepare_packages="$prepare_packages squashfs-tools squashfuse fuse3 acl graphviz"
prepare_packages="$prepare_packages munge slurmctld slurmd slurm-client"
prepare_packages="$prepare_packages cron at openssh-server openssh-client screen"
prepare_packages="$prepare_packages gdb valgrind"
# Slurm loads libpmix.so, which is the -dev package's.
prepare_packages="$prepare_packages openmpi-bin python3-mpi4py libpmix-dev libpmi2-0"
prepare_python=''
prepare_python_identity=''

prepare_say() {
    printf 'prepare: %s\n' "$1" >&2
}

# conda 24.7.1 runs on Python 3.10 to 3.12; pycosat needs Python.h, because the index has only its source.
prepare_choose_python() {
    for prepare_candidate in /usr/bin/python3 python3.11 python3.12 python3.10 python3; do
        prepare_candidate=$(command -v "$prepare_candidate") || continue
        prepare_python_identity=$("$prepare_candidate" -c '
import ensurepip, os, sys, sysconfig, venv
assert (3, 10) <= sys.version_info[:2] <= (3, 12)
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
print(os.path.realpath(sys.executable), sys.version)' 2>/dev/null) || continue
        prepare_python=$prepare_candidate
        return 0
    done
    return 1
}

prepare_has() {
    case "$1" in
    python3 | python3-venv | python3-dev)
        [ -n "$prepare_python" ] || prepare_choose_python
        ;;
    squashfs-tools)
        command -v mksquashfs >/dev/null 2>&1
        ;;
    graphviz)
        command -v dot >/dev/null 2>&1
        ;;
    fuse3)
        command -v fusermount3 >/dev/null 2>&1
        ;;
    munge)
        command -v munged >/dev/null 2>&1
        ;;
    slurm-client)
        command -v sbatch >/dev/null 2>&1
        ;;
    acl)
        command -v setfacl >/dev/null 2>&1
        ;;
    cron)
        command -v crontab >/dev/null 2>&1
        ;;
    openssh-server)
        [ -x /usr/sbin/sshd ]
        ;;
    openssh-client)
        command -v ssh >/dev/null 2>&1
        ;;
    lua-check)
        command -v luacheck >/dev/null 2>&1
        ;;
    lmod)
        [ -x "${LMOD_CMD:-/usr/share/lmod/lmod/libexec/lmod}" ]
        ;;
    openmpi-bin | python3-mpi4py | libpmix-dev | libpmi2-0)
        # Other distributions have other packages: there the tests of MPI are skipped.
        ! command -v dpkg-query >/dev/null 2>&1
        ;;
    *)
        command -v "$1" >/dev/null 2>&1
        ;;
    esac || {
        # Installed but not usable: installing it again would not fix that.
        command -v dpkg-query >/dev/null 2>&1 &&
            dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$'
    }
}

prepare_refuse() {
    prepare_say "missing on this machine: $1"
    cat >&2 <<EOF
prepare: nothing was changed. As root, on Debian or Ubuntu:
  apt-get update && apt-get install -y --no-install-recommends $1
or on RHEL and its kin (Lmod, fish, ShellCheck and Slurm are in EPEL: dnf install -y epel-release):
  dnf install -y Lmod zsh tcsh fish ksh mksh strace ShellCheck git python3.11 python3.11-devel gcc make \\
    squashfs-tools squashfuse fuse3 acl munge slurm slurm-slurmctld slurm-slurmd lua luarocks \\
    cronie at openssh-server openssh-clients screen gdb valgrind graphviz
  luarocks install luacheck
EOF
    return 3
}

prepare_install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    # Split into words on purpose: a list of packages.
    # shellcheck disable=SC2086
    apt-get update && apt-get install -y --no-install-recommends $prepare_missing
}

# prepare_logged COMMAND...: runs COMMAND, and shows its output only if it fails.
prepare_logged() {
    prepare_log=$(mktemp "$prepare_work/prepare-XXXXXX") || return
    ("$@") >"$prepare_log" 2>&1 || {
        cat "$prepare_log" >&2
        rm -f "$prepare_log"
        prepare_say "failed: $*"
        return 1
    }
    rm -f "$prepare_log"
}

prepare_system() {
    prepare_missing=''
    # Split into words on purpose: a list of packages.
    # shellcheck disable=SC2086
    [ "$#" -gt 0 ] || set -- $prepare_packages
    for prepare_package in "$@"; do
        prepare_has "$prepare_package" || prepare_missing="$prepare_missing $prepare_package"
    done
    prepare_missing=${prepare_missing# }
    if [ -n "$prepare_missing" ]; then
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
            prepare_refuse "$prepare_missing"
            return
        fi
        prepare_say "installing $prepare_missing"
        mkdir -p "$prepare_work" && prepare_logged prepare_install_packages || return 1
    fi
    prepare_need_python
}

prepare_need_python() {
    [ -n "$prepare_python" ] || prepare_choose_python || {
        prepare_say 'no Python 3.10, 3.11 or 3.12 with venv, ensurepip and Python.h was found:'
        prepare_say 'looked at /usr/bin/python3, and python3.11, python3.12, python3.10, python3 on PATH'
        return 3
    }
}

# prepare_hash FILE-OR-FOLDER...: prints a hash of their contents, of the Python, and of the path of the checkout,
# which a venv contains.
prepare_hash() {
    (
        cd "$prepare_checkout" || exit
        printf '%s\n' "$prepare_python_identity" "$prepare_checkout"
        find "$@" -type f ! -name '*.pyc' -exec sha256sum {} + | LC_ALL=C sort
    ) | sha256sum | cut -d ' ' -f 1
}

# prepare_once STAMP HASH WHAT COMMAND...: says WHAT and runs COMMAND, unless STAMP says that it has run for HASH.
prepare_once() {
    prepare_stamp=$1 prepare_stamped=$2 prepare_what=$3
    shift 3
    if [ -f "$prepare_stamp" ] && [ "$(cat "$prepare_stamp")" = "$prepare_stamped" ]; then
        return 0
    fi
    rm -f "$prepare_stamp"
    prepare_say "$prepare_what"
    prepare_logged "$@" || return
    printf '%s\n' "$prepare_stamped" >"$prepare_stamp"
}

prepare_make_venv() {
    rm -rf "${prepare_work:?}/$1"
    "$prepare_python" -m venv "$prepare_work/$1" &&
        "$prepare_work/$1/bin/python" -m pip install --quiet -r "$prepare_tests/$2"
}

# One at a time, because setuptools writes next to the sources.
prepare_install_project() {
    flock "$prepare_work/project.lock" "$prepare_work/$1/bin/python" -m pip install --quiet --editable "$prepare_checkout"
}

# prepare_python_environment NAME: .work/NAME, one of venv, eb4 and eb5.
prepare_python_environment() {
    case "$1" in
    venv) prepare_list=requirements.txt ;;
    *) prepare_list=requirements-$1.txt ;;
    esac
    prepare_once "$prepare_work/$1/.stamp-packages" "$(prepare_hash "tests/$prepare_list")" \
        "making .work/$1" prepare_make_venv "$1" "$prepare_list" || return
    prepare_once "$prepare_work/$1/.stamp-project" "$(prepare_hash setup.cfg pyproject.toml bin)" \
        "installing the project into .work/$1" prepare_install_project "$1"
}

prepare_build_distribution() {
    rm -rf "${prepare_work:?}/distribution"
    "$prepare_python" "$prepare_tests/distribution/build.py" --output "$prepare_work/distribution"
}

# The embedded conda installers and a channel.
prepare_distribution() {
    prepare_once "$prepare_work/distribution/.stamp" "$(prepare_hash tests/distribution)" \
        'building .work/distribution: embedded conda installers and a channel' prepare_build_distribution
}

prepare_build_stack() {
    "$prepare_work/eb5/bin/python" "$prepare_tests/stack/build.py" --output "$prepare_work/stack" "$@"
}

prepare_make_stack_sources() {
    rm -rf "${prepare_work:?}/stack"
    "$prepare_python" "$prepare_tests/stack/build.py" --output "$prepare_work/stack" sources
}

prepare_stack_sources() {
    prepare_inputs=$(prepare_hash tests/stack tests/copied_ensurepip.py tests/copied_pip.py \
        tests/requirements-eb4.txt tests/requirements-eb5.txt)
    prepare_once "$prepare_work/stack/.stamp" "$prepare_inputs" \
        'downloading what .work/stack is made of' prepare_make_stack_sources
}

# prepare_stack_tree NAME: .work/stack/NAME, built by its EasyBuild; remaking the sources removes it.
prepare_stack_tree() {
    [ ! -f "$prepare_work/stack/$1/.stamp" ] || return 0
    prepare_say "building .work/stack/$1"
    prepare_logged prepare_build_stack trees "$1"
}

prepare_make_jupyter() {
    prepare_make_venv jupyter requirements-jupyter.txt &&
        "$prepare_work/jupyter/bin/python" "$prepare_tests/kernels/build.py" --output "$prepare_work/jupyter"
}

# A Jupyter, and ipykernel with its dependencies.
prepare_jupyter() {
    prepare_inputs=$(prepare_hash tests/requirements-jupyter.txt tests/kernels/build.py tests/distribution/channel.py)
    prepare_once "$prepare_work/jupyter/.stamp" "$prepare_inputs" \
        'making .work/jupyter: a Jupyter, and ipykernel as wheels and in a channel' prepare_make_jupyter
}

# Programs that start an environment's Python: basedpyright with its node, Snakemake, Dask, coverage and a Jupyter server.
prepare_programs() {
    prepare_once "$prepare_work/programs/.stamp" "$(prepare_hash tests/requirements-programs.txt)" \
        'making .work/programs: basedpyright, Snakemake, Dask, coverage and a Jupyter server' \
        prepare_make_venv programs requirements-programs.txt
}

# Installers other than pip, with the uv of a year ago (the newest is in .work/venv), and programs that read
# installed packages.
prepare_installers() {
    prepare_once "$prepare_work/installers/.stamp" "$(prepare_hash tests/requirements-installers.txt)" \
        'making .work/installers: the uv of a year ago, Poetry, PDM, pip-tools, pipdeptree and PyInstaller' \
        prepare_make_venv installers requirements-installers.txt
}

# Sphinx, which builds the site of the documentation.
prepare_docs() {
    prepare_once "$prepare_work/docs/.stamp" "$(prepare_hash docs/requirements.txt)" \
        'making .work/docs: Sphinx and its theme' prepare_make_venv docs ../docs/requirements.txt
}

# Modules and sources that the tests would otherwise make at first use, from the package as it is now; they have
# a stamp too.
prepare_built() {
    prepare_logged "$prepare_work/venv/bin/python" "$prepare_tests/built.py" || return
    # Only a few tests need these, and they say what is missing.
    prepare_logged "$prepare_work/venv/bin/python" "$prepare_tests/stackenv_sources.py" || :
}

prepare_piece() {
    prepare_need_python || return
    mkdir -p "$prepare_work" || return
    case "$1" in
    venv | eb4 | eb5) prepare_python_environment "$1" ;;
    distribution) prepare_distribution ;;
    stack-sources) prepare_stack_sources ;;
    eb4-pythonpath | eb4-prefixes | eb5-pythonpath | eb5-prefixes) prepare_stack_tree "$1" ;;
    jupyter) prepare_jupyter ;;
    programs) prepare_programs ;;
    installers) prepare_installers ;;
    docs) prepare_docs ;;
    built) prepare_built ;;
    *)
        prepare_say "unknown: $1 (nothing, demo, quick, or a piece: see the top of tests/prepare.sh)"
        return 2
        ;;
    esac
}

# prepare_side_by_side PIECE...: prepares in parallel pieces that do not depend on each other.
prepare_side_by_side() {
    printf '%s\n' "$@" | xargs -n 1 -P "$(nproc)" sh "$prepare_tests/prepare.sh"
}

# prepare_alone COMMAND...: runs COMMAND while no other preparation of this checkout runs.
prepare_alone() {
    mkdir -p "$prepare_work" && (flock 9 && "$@") 9>"$prepare_work/prepare.lock"
}

prepare_pieces_of_demo() {
    prepare_side_by_side distribution stack-sources eb5 && prepare_side_by_side eb5-pythonpath
}

# The longest first.
prepare_all_pieces() {
    prepare_side_by_side stack-sources distribution programs installers venv jupyter docs eb5 eb4 &&
        prepare_side_by_side eb5-pythonpath eb5-prefixes eb4-pythonpath eb4-prefixes built
}

prepare_quick() {
    prepare_system lmod zsh tcsh fish ksh mksh shellcheck lua-check git python3 python3-venv python3-dev || return
    prepare_alone prepare_side_by_side venv
}

prepare_demo() {
    # All packages: the build loads its module in each shell, and the demonstration uses tcsh too.
    prepare_system && prepare_alone prepare_pieces_of_demo
}

prepare_all() {
    prepare_system && prepare_alone prepare_all_pieces
}

prepare_asked() {
    case "$1" in
    '') prepare_all ;;
    demo | quick) "prepare_$1" ;;
    *) prepare_piece "$1" ;;
    esac
}

case "${0##*/}" in
prepare.sh)
    prepare_asked "${1-}"
    # The shell has read this far: a file that is edited meanwhile is not read on.
    exit
    ;;
esac
