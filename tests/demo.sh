#!/bin/sh
# The demonstration: Anaconda3 built by the real EasyBuild with stackenv's hooks and a site configuration,
# loaded in real shells without `conda init`, an environment made from a real channel, and an unload
# that leaves no trace; then a user's environment based on a stack that EasyBuild has built, its module,
# the environment packed into one file, and the commands that repair a broken one.
# Sets up all that it needs in the ignored folder .work.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
cd "$checkout"
# shellcheck source=tests/prepare.sh
. tests/prepare.sh
prepare_demo

demo=$checkout/.work/demo
rm -rf "$demo"
mkdir -p "$demo/home" "$demo/site"
lmod=${LMOD_CMD:-/usr/share/lmod/lmod/libexec/lmod}
cat >"$demo/site/site.yaml" <<POLICY
version: 1
conda:
  storage:
    - {parent: "\${WORKSPACE}", environments: conda/envs, packages: conda/pkgs}
    - {parent: "\${HOME}", environments: conda/envs, packages: conda/pkgs}
  channels:
    default: ["file://$checkout/.work/distribution/channel"]
    replace_defaults: true
POLICY

# A login without start-up files: only the variables below are set.
clean() {
    env -i HOME="$demo/home" USER=user TERM=dumb LANG=C.UTF-8 \
        PATH="$checkout/.work/eb5/bin:/usr/local/bin:/usr/bin:/bin" \
        STACKENV_SITE_CONFIG="$demo/site/site.yaml" LMOD_CMD="$lmod" \
        EASYBUILD_PREFIX="$demo/software" \
        EASYBUILD_SOURCEPATH="$checkout/.work/distribution" \
        EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES=1 \
        EB_PYTHON="$checkout/.work/eb5/bin/python" \
        CHECKOUT="$checkout" DEMO="$demo" "$@"
}
clean bash --norc --noprofile tests/demo/site.bash
clean bash --norc --noprofile tests/demo/user.bash
clean tcsh -f tests/demo/user.tcsh

# The second half: a stack of modules of the site, and a user's environment based on it.
stack=$checkout/.work/stack/eb5-pythonpath
on_stack() {
    clean MODULEPATH="$stack/modules/all" STACK_SOFTWARE="$stack/software" \
        PIP_NO_INDEX=1 PIP_FIND_LINKS="$checkout/.work/stack/wheels" PIP_DISABLE_PIP_VERSION_CHECK=1 "$@"
}
on_stack bash --norc --noprofile tests/demo/make.bash
on_stack bash --norc --noprofile tests/demo/use.bash
on_stack tcsh -f tests/demo/use.tcsh
on_stack bash --norc --noprofile tests/demo/pack.bash
next=$(sed -n 's/.*"next_bundle_module": *"\([^"]*\)".*/\1/p' "$stack/stack.json")
on_stack NEXT_BUNDLE="$next" bash --norc --noprofile tests/demo/care.bash
echo
echo "The demonstration is complete: no conda init, no trace; and numpy is the site's."
