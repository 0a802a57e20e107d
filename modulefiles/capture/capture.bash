# What a capture of a conda activation does between the scripts of an environment. These may have set -e, -u
# or noclobber, or left no PATH: nothing here depends on them.

# Write what the shell is now, and the status $2, to the files $1.KIND; $1.done is the last of them.
__stackenv_moment() {
    builtin printf '%s' "$2" >|"$1.status"
    __ENV__ -0 >|"$1.environment"
    builtin compgen -A function >|"$1.function"
    builtin compgen -a >|"$1.alias"
    builtin compgen -v >|"$1.variable"
    { builtin set -o; builtin shopt; } >|"$1.option"
    builtin trap -p >|"$1.trap"
    builtin umask >|"$1.umask"
    builtin pwd >|"$1.folder"
    builtin read -r __stackenv_host </proc/sys/kernel/hostname
    builtin printf '%s' "$__stackenv_host" >|"$1.host"
    : >|"$1.done"
}

# Take the environment off PATH, as conda does before deactivate.d runs (conda/activate.py, `_yield_commands`).
__stackenv_leave() {
    local path=:${PATH-}: entry=:__BIN__:
    path=${path/"$entry"/:}
    path=${path#:}
    PATH=${path%:}
}
