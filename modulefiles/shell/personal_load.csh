# After a load, sourced by csh and tcsh. See personal_load.sh for the reasons. Also sourced before a prompt.
if ( ! $?VIRTUAL_ENV && $?_STACKENV_VENV ) then
    if ( "`alias deactivate`" == "" ) then
        setenv VIRTUAL_ENV "$_STACKENV_VENV"
        # Do not write this in one line: tcsh expands the variables of a line before it tests its condition.
        if ( $?_STACKENV_VENV_PROMPT ) then
            setenv VIRTUAL_ENV_PROMPT "$_STACKENV_VENV_PROMPT"
        endif
    endif
endif
if ( $?_OLD_VIRTUAL_PATH ) then
    set _OLD_VIRTUAL_PATH = "$PATH"
    if ( $?STACKENV_VENV_BEFORE && $?VIRTUAL_ENV ) then
        if ( "$STACKENV_VENV_BEFORE" != "$VIRTUAL_ENV" ) then
            set __se_entry = "$STACKENV_VENV_BEFORE/bin"
            # include shell/remove_entry.csh
            set __se_before = ( $path:q )
            set path = ( $__se_list:q )
            set _OLD_VIRTUAL_PATH = "$PATH"
            set path = ( $__se_before:q )
            unset __se_list __se_entry __se_before
        endif
    endif
endif
set _STACKENV_UNLOAD = __UNLOAD__
if ( $?VIRTUAL_ENV ) then
    set _STACKENV_VENV = "$VIRTUAL_ENV"
endif
if ( $?VIRTUAL_ENV_PROMPT ) then
    set _STACKENV_VENV_PROMPT = "$VIRTUAL_ENV_PROMPT"
endif
if ( "`alias deactivate`" == "" ) then
    alias deactivate module unload __MODULE__
    set _STACKENV_DEACTIVATE = "`alias deactivate`"
    # The alias may be ours from an earlier load, changed by the user.
    if ( $?prompt && ( "`alias precmd`" == "" || "`alias precmd`" =~ *_STACKENV_LOAD* ) ) then
        set _STACKENV_LOAD = __FILE__
        if ( "`alias precmd`" == "" ) then
            # The eval is needed: tcsh expands the variables of a line before it tests its condition.
            alias precmd 'if ( ! $?VIRTUAL_ENV && $?_STACKENV_LOAD ) eval source \$_STACKENV_LOAD:q'
            set _STACKENV_PRECMD = "`alias precmd`"
        endif
    endif
endif
