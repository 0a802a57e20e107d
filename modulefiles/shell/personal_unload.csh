# After an unload, sourced by csh and tcsh. See personal_unload.sh for the reasons.
if ( $?_STACKENV_DEACTIVATE ) then
    if ( "`alias deactivate`" == "$_STACKENV_DEACTIVATE" ) unalias deactivate
    unset _STACKENV_DEACTIVATE
    if ( $?_STACKENV_LOAD ) then
        if ( "`alias precmd`" =~ *_STACKENV_LOAD* ) unalias precmd
        unset _STACKENV_LOAD
    endif
endif
if ( $?_OLD_VIRTUAL_PATH && ! $?VIRTUAL_ENV && $?_STACKENV_VENV ) then
    setenv VIRTUAL_ENV "$_STACKENV_VENV"
endif
unset _STACKENV_VENV _STACKENV_VENV_PROMPT
if ( $?_OLD_VIRTUAL_PATH && $?VIRTUAL_ENV ) then
    set _stackenv_path = ()
    foreach _stackenv_entry ( $path:q )
        if ( "$_stackenv_entry" != "$VIRTUAL_ENV/bin" ) then
            set _stackenv_path = ( $_stackenv_path:q "$_stackenv_entry" )
        endif
    end
    set path = ( $_stackenv_path:q )
    set _OLD_VIRTUAL_PATH = "$PATH"
    set path = ( "$VIRTUAL_ENV/bin" $_stackenv_path:q )
    unset _stackenv_path _stackenv_entry
endif
