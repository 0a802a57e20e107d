#!/bin/sh
# Starts munged, slurmctld and a slurmd for each node, says `ready`, and ends them when stdin ends: also
# when the tests are killed.
#
#   unshare --mount sh cluster.sh FOLDER NODE...
#
# Below FOLDER are slurm.conf, and passwd and profile.d, which stand in for /etc's here, for the daemons
# and jobs: the home of root is one of the tests, and a login shell sets up what a site has it set up.
# FOLDER/local is on each node another folder, as a node's own disk is.
set -eu
folder=$1
shift
nodes="$*"
SLURM_CONF=$folder/slurm.conf
export SLURM_CONF

# What runs would go on without them.
end_jobs() {
    scancel --user=root && waited=0 || return 0
    while [ -n "$(squeue --noheader)" ] && [ "$waited" -lt 100 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
}

end_daemons() {
    end_jobs 2>/dev/null
    set --
    for pid_file in "$folder"/run/*.pid; do
        [ ! -f "$pid_file" ] || set -- "$@" "$(cat "$pid_file")"
    done
    [ "$#" -gt 0 ] || return 0
    kill "$@" 2>/dev/null || :
    waited=0
    while kill -0 "$@" 2>/dev/null && [ "$waited" -lt 100 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    for node in $nodes; do
        find /sys/fs/cgroup/*/"slurm_$node" -depth -type d -exec rmdir {} + 2>/dev/null || :
    done
}
trap end_daemons EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mount --make-rprivate /
mount --bind "$folder/passwd" /etc/passwd
mount --bind "$folder/profile.d" /etc/profile.d
munged --key-file="$folder/secret/key" --seed-file="$folder/secret/seed" --socket="$folder/run/munge" \
    --pid-file="$folder/run/munged.pid" --log-file="$folder/log/munged"
slurmctld
for node in "$@"; do
    # shellcheck disable=SC2016 # that shell's own
    unshare --mount sh -c 'mount --bind "$1/spool/$2" "$1/local" && exec slurmd -N "$2"' sh "$folder" "$node"
done
echo ready
cat >/dev/null
