#compdef stackenv
# Completes `stackenv` in zsh, which loads this file as the function _stackenv_completion. The command answers
# with a line for each completion: its kind, itself, and what it means, with tabs between.
local kind value meaning
local -a plain described
while IFS=$'\t' read -r kind value meaning; do
    # Of --option=PATH the path.
    [[ $kind = plain || $PREFIX != --*=* ]] || compset -P 1 '*='
    case $kind in
    dir) _path_files -/ ;;
    file) _path_files -f ;;
    plain)
        if [[ -n $meaning ]]; then
            described+=("${value//:/\\:}:$meaning")
        else
            plain+=("$value")
        fi
        ;;
    esac
done < <(_STACKENV_COMPLETE="${(j: :)words[1,CURRENT-1]} $PREFIX" command stackenv 2>/dev/null)
(( $#described )) && _describe -V unsorted described
(( $#plain )) && compadd -V unsorted -a plain
