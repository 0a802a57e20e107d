# At the unload, and at a reload, which puts it aside again: the user's own function `conda`.
functions -e conda
if functions -q __stackenv_conda_before
    functions -c __stackenv_conda_before conda
    functions -e __stackenv_conda_before
end
