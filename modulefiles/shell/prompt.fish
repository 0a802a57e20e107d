# The active environment's name in front of the prompt; the user's own prompt back when none is.
if test "$CONDA_SHLVL" -gt 0 2>/dev/null
    if functions -q fish_prompt; and not functions -q __stackenv_prompt
        functions -c fish_prompt __stackenv_prompt
        function fish_prompt
            set -l __se_status $status
            printf %s "$CONDA_PROMPT_MODIFIER"
            begin
                function __stackenv_status; return $argv[1]; end
                __stackenv_status $__se_status
                __stackenv_prompt
            end
            functions -e __stackenv_status
        end
    end
else if functions -q __stackenv_prompt
    functions -e fish_prompt
    functions -c __stackenv_prompt fish_prompt
    functions -e __stackenv_prompt
end
