# After an unload, sourced by csh and tcsh. See personal_unload.sh for the reasons.
if ( $?_STACKENV_DEACTIVATE ) then
    if ( "`alias deactivate`" == "$_STACKENV_DEACTIVATE" ) unalias deactivate
    unset _STACKENV_DEACTIVATE
    unset _STACKENV_LOAD
    if ( $?_STACKENV_PRECMD ) then
        if ( "`alias precmd`" == "$_STACKENV_PRECMD" ) unalias precmd
        unset _STACKENV_PRECMD
    endif
    # If the user has added to the alias, our code is removed if it is a command by itself; otherwise it stays, but
    # has no effect any more.
    if ( "`alias precmd`" =~ *_STACKENV_LOAD* ) then
        set _stackenv_ours = 'if ( . .?VIRTUAL_ENV && .?_STACKENV_LOAD ) eval source ..*_STACKENV_LOAD:q *'
        set _stackenv_first = "s/^$_stackenv_ours; *//"
        set _stackenv_last = "s/ *; *$_stackenv_ours"'$//'
        set _stackenv_between = "s/; *$_stackenv_ours;/;/"
        set _stackenv_left = "`alias precmd | sed -e '$_stackenv_first' -e '$_stackenv_last' -e '$_stackenv_between'`"
        if ( "$_stackenv_left" != "" ) alias precmd $_stackenv_left:q
        unset _stackenv_ours _stackenv_first _stackenv_last _stackenv_between _stackenv_left
    endif
endif
if ( $?_OLD_VIRTUAL_PATH && ! $?VIRTUAL_ENV && $?_STACKENV_VENV ) then
    setenv VIRTUAL_ENV "$_STACKENV_VENV"
endif
unset _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_UNLOAD
if ( $?_OLD_VIRTUAL_PATH && $?VIRTUAL_ENV ) then
    set __se_entry = "$VIRTUAL_ENV/bin"
    # include shell/remove_entry.csh
    set path = ( $__se_list:q )
    set _OLD_VIRTUAL_PATH = "$PATH"
    set path = ( $__se_entry:q $__se_list:q )
    unset __se_list __se_entry
endif
