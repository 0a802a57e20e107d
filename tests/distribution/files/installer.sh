#!/bin/sh
# A stand-in for the installer of @NAME@ @VERSION@, for tests and demonstrations without the internet.
# It takes the vendor's options and leaves a like tree, with conda @CONDA@ on the Python of this machine.
set -eu

name='@NAME@' version='@VERSION@'
prefix='' batch=no force=no update=no

usage() {
    echo "usage: $0 -b [-f | -u] -p PREFIX"
}

fail() {
    echo "ERROR: $1" >&2
    exit 1
}

while getopts bfhup: option; do
    case "$option" in
    b) batch=yes ;;
    f) force=yes ;;
    u) update=yes ;;
    p) prefix=$OPTARG ;;
    h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done

[ "$batch" = yes ] || fail "this stand-in asks no questions: give -b"
[ -n "$prefix" ] || fail "no prefix: give -p PREFIX"
case "$prefix" in
*[[:space:]]*) fail "Cannot install into directories with spaces" ;;
esac
if [ -e "$prefix" ] && [ "$force" = no ] && [ "$update" = no ]; then
    fail "File or directory already exists: '$prefix'. If you want to update an existing installation, use the -u option."
fi
[ -x '@PYTHON@' ] || fail "the Python this was built for is gone: @PYTHON@"

mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
echo "PREFIX=$prefix"
echo "Unpacking payload ..."
tail -n +@PAYLOAD_LINE@ "$0" | tar -xzof - -C "$prefix"

escaped=$(printf '%s\n' "$prefix" | sed 's/[&|\\]/\\&/g')
find "$prefix/bin" "$prefix/etc" -type f -exec sed -i "s|@PREFIX_MARK@|$escaped|g" {} +
case "$name" in
Miniforge3) ;;
*) rm -f "$prefix/bin/mamba" "$prefix/condabin/mamba" "$prefix/etc/profile.d/mamba.sh" "$prefix/conda-meta"/mamba-*.json ;;
esac
echo "$name $version: a stand-in for tests, with conda @CONDA@" >"$prefix/etc/stackenv-test-distribution"
echo "installation finished."
exit 0
