#!/bin/sh
# Makes the site of these pages: static files, which need no server and load nothing from elsewhere.
#
#   sh docs/build.sh            into .work/site
#   sh docs/build.sh FOLDER     into FOLDER
#
# A link that leads nowhere, and a page that no other leads to, fail. Sphinx and its theme, of docs/requirements.txt,
# are installed into .work/docs when they are not there; the pictures take `dot`, of Debian's and RHEL's graphviz.
set -eu
cd "$(dirname "$0")/.."
sh tests/prepare.sh docs
exec .work/docs/bin/sphinx-build --quiet --fail-on-warning --keep-going --builder html \
    --doctree-dir .work/site-doctrees docs "${1:-.work/site}"
