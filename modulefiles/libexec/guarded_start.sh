# Starts the command line "$@", that of conda or mamba, which environment_words.sh has read.
if stackenv_is_packed "$stackenv_target" || stackenv_is_packed "$stackenv_new"; then
    exec "$stackenv_found/stackenv/packed" refuse __COMMAND__" $stackenv_verb" "$stackenv_deletes"
fi
if stackenv_is_packed "$stackenv_clone"; then
    # Where its files are in their place: conda would copy the image instead.
    exec "$stackenv_found/stackenv/packed" run __PYTHON__ -I __PIP_GUARD__ __OPTIONS__ "$@"
fi
case $stackenv_verb in
    activate | deactivate | reactivate)
        printf '%s\n' __NO_FUNCTION__ >&2
        exit 1
        ;;
    env* | create) exec __PYTHON__ -I __PIP_GUARD__ __OPTIONS__ "$@" ;;
    run)
        # Without the base's bin: an environment that lacks a program must not find the base's.
        PATH=:$PATH:
        while :; do
            case $PATH in
                *:__BASE_BIN__:*) PATH=${PATH%%:__BASE_BIN__:*}:${PATH#*:__BASE_BIN__:} ;;
                *) break ;;
            esac
        done
        PATH=${PATH#:}
        PATH=${PATH%:}
        export PATH
        exec __PYTHON__ -I __PIP_GUARD__ __OPTIONS__ "$@"
        ;;
    init | 'shell init' | 'shell reinit')
        case __INIT_POLICY__ in
            refuse)
                printf '%s\n' __INIT_REFUSAL__ >&2
                exit 1
                ;;
            warn) printf '%s\n' __INIT_MESSAGE__ >&2 ;;
        esac
        ;;
esac
exec "$@"
