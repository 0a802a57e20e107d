# At an unload, or a reload, which puts it aside again, restores the user's own function `conda`, or `mamba`.
# A function that is neither ours nor conda's own was defined by the user after the load, and stays.
if not functions -q __NAME__; or functions __NAME__ | string match -qr '__se_code|CONDA_EXE'
    functions -e __NAME__
    if functions -q __OWN_FUNCTION__
        functions -c __OWN_FUNCTION__ __NAME__
    end
end
functions -e __OWN_FUNCTION__
