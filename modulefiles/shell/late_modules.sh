# A module that was loaded after the activation may take precedence over the environment.
case "${CONDA_PREFIX:+${PYTHONPATH-}}" in
    "" | "${STACKENV_PYTHONPATH_SEEN-}") ;;
    *)
        case ${STACKENV_CONDA_ENV-}:__OPTIONS__ in
            "$CONDA_PREFIX":*) ;;
            *hide-modules*) __PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ notice || : ;;
        esac
        ;;
esac
