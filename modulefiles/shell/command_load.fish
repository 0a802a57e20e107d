# Defines the function `conda`, or `mamba`: the user's own function or alias is restored at the unload.
if functions -q __NAME__; and not functions __NAME__ | string match -q '*__se_code*'
    functions -e __OWN_FUNCTION__
    functions -c __NAME__ __OWN_FUNCTION__
    # The function of another conda does not count as the user's own.
    if test -t 2; and string match -qr '^(clean)?$' -- "$__PRIOR__"
        printf '%s\n' __OWN_NAME_MESSAGE__ >&2
    end
end
eval __FUNCTION__
