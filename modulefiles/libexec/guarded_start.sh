# Starts "$@", a command line of conda or mamba that environment_words.sh has read.
if stackenv_is_packed "$stackenv_target" || stackenv_is_packed "$stackenv_new"; then
    exec "$stackenv_found/stackenv/packed" refuse __COMMAND__" $stackenv_verb" "$stackenv_deletes"
fi
if stackenv_is_packed "$stackenv_clone"; then
    # Start it where the files of the environment are at their path: otherwise conda would copy the image instead.
    exec "$stackenv_found/stackenv/packed" run __PYTHON__ -I __PIP_GUARD__ __OPTIONS__ "$@"
fi
case $stackenv_verb in
    activate | deactivate | reactivate)
        printf '%s\n' __NO_FUNCTION__ >&2
        exit 1
        ;;
    env* | create) exec __PYTHON__ -I __PIP_GUARD__ __OPTIONS__ "$@" ;;
    run)
        # Remove the base's bin: if the environment lacks a program, the base's must not be found instead.
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
