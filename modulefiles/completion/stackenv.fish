# Completes `stackenv` in fish. The command answers with a line for each completion: its kind, itself, and what
# it means, with tabs between.
function _stackenv_completion
    set -lx _STACKENV_COMPLETE (commandline -cp | string join ' ')
    # Of --option=PATH the path is completed, and put behind it again.
    set -l option (string match -r -- '^--[a-z-]+=' (commandline -ct))
    set -l path (string replace -r -- '^--[a-z-]+=' '' (commandline -ct))
    for line in (command stackenv 2>/dev/null)
        set -l fields (string split -m 2 \t -- $line)
        switch $fields[1]
            case dir
                __fish_complete_directories "$path" '' | string replace -r -- '^' "$option"
            case file
                __fish_complete_path "$path" | string replace -r -- '^' "$option"
            case plain
                string join \t -- $fields[2..-1]
        end
    end
end
complete --no-files --keep-order --command stackenv --arguments '(_stackenv_completion)'
