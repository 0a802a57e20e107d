# What the site's admin types.
set -eu
say() {
    printf '\n$ %s\n' "$*"
    eval "$*"
}
printf '\n=== The admin: a site configuration, the hooks, eb ===\n'
cd "$CHECKOUT/tests/distribution/easyconfigs"
say 'cat "$STACKENV_SITE_CONFIG"'
say 'stackenv site check'
say 'eb --hooks=$(stackenv site hooks) Anaconda3-2024.02-1.eb 2>/dev/null | grep -v "took <"'
