# At the unload, and at a reload, which puts it aside again: the user's own function `conda`.
# What is neither ours nor conda's own was defined by the user after the load, and stays.
if not functions -q conda; or functions conda | string match -qr '__se_code|CONDA_EXE'
    functions -e conda
    if functions -q __stackenv_conda_before
        functions -c __stackenv_conda_before conda
    end
end
functions -e __stackenv_conda_before
