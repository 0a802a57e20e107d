# Defines the function `conda`: the user's own, or alias, comes back at the unload.
if functions -q conda; and not functions conda | string match -q '*__se_code*'
    functions -e __stackenv_conda_before
    functions -c conda __stackenv_conda_before
    if test -t 2; and test "$STACKENV_CONDA_BEFORE" = clean
        printf '%s\n' __OWN_NAME_MESSAGE__ >&2
    end
end
eval __FUNCTION__
