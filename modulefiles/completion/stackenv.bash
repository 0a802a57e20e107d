# Completes `stackenv` in bash 4.4 and later. The command answers with a line for each completion: its kind,
# itself, and what it means, with tabs between. What it offers needs no quotes in any shell.
_stackenv_completion() {
    local line=${COMP_LINE:0:COMP_POINT} kind value before
    # bash replaces only what is behind the last = or : of a word, and that is its second argument.
    before=${line##*[[:space:]]}
    before=${before%"$2"}
    COMPREPLY=()
    while IFS=$'\t' read -r kind value _; do
        case $kind in
        dir) compopt -o dirnames ;;
        file) compopt -o default ;;
        plain) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done < <(_STACKENV_COMPLETE=$line command stackenv 2>/dev/null)
}
complete -o nosort -F _stackenv_completion stackenv
