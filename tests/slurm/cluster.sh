#!/bin/sh
# Starts munged, slurmctld and a slurmd for each node, prints `ready`, and stops them when stdin is closed,
# which also happens when the tests are killed.
#
#   unshare --mount sh cluster.sh FOLDER NODE...
#
# FOLDER contains slurm.conf, and passwd and profile.d, which replace those in /etc for the daemons and
# jobs: the home of root is a folder of the tests, and a login shell is set up as at a site.
# FOLDER/local is a different folder on each node, like a node's local disk.
set -eu
folder=$1
shift
nodes="$*"
SLURM_CONF=$folder/slurm.conf
export SLURM_CONF

# Running jobs would continue without the daemons.
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
