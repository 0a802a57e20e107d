#!/bin/sh
# Lets a daemon start a command line, as on a separate machine, and waits until it has ended.
#
#   unshare --mount --pid --fork --kill-child --mount-proc sh machine.sh FOLDER cron|at|ssh
#
# FOLDER/line is the command line; at its end it creates the file FOLDER/status. FOLDER/passwd replaces
# /etc/passwd, so that the home of root is one of the tests. Everything that was started ends with this script.
set -eu
folder=$1
way=$2

wait_for_end() {
    waited=0
    until [ -e "$folder/status" ]; do
        [ "$waited" -lt 600 ] || return 1
        sleep 0.1
        waited=$((waited + 1))
    done
}

# Hides the cron jobs of the real machine, which must not run in the test.
hide_crontabs() {
    : >"$folder/empty"
    mount --bind "$folder/empty" /etc/crontab
    for hidden in /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly; do
        [ ! -d "$hidden" ] || mount -t tmpfs none "$hidden"
    done
}

# cron sees by a file in /run whether the machine has just booted, and then runs the @reboot jobs at once.
start_cron() {
    hide_crontabs
    printf '@reboot %s\n' "$(cat "$folder/line")" >"$folder/crontab"
    crontab "$folder/crontab"
    cron -f &
}

start_at() {
    atd -f &
    waited=0
    until [ -s /run/atd.pid ] || [ "$waited" -ge 100 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    cd "$folder" && at -M -f "$folder/line" now
}

start_ssh() {
    /usr/sbin/sshd -D -e -f "$folder/sshd_config" &
    tried=0
    # 255 is the status of ssh itself: the daemon does not listen yet.
    until ssh -F "$folder/ssh_config" tested "$(cat "$folder/line")" || [ "$?" -ne 255 ]; do
        [ "$tried" -lt 100 ] || return 1
        sleep 0.1
        tried=$((tried + 1))
    done
}

mount --make-rprivate /
mount --bind "$folder/passwd" /etc/passwd
mount -t tmpfs -o mode=0755 none /run
mkdir -p /run/sshd
mount -t tmpfs -o mode=0755 none /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
mkdir -m 1770 /var/spool/cron/atjobs /var/spool/cron/atspool
: >/var/spool/cron/atjobs/.SEQ
chown -R daemon:daemon /var/spool/cron/atjobs /var/spool/cron/atspool
"start_$way"
wait_for_end
