"""What the activation of a conda environment does, as frozen data: a module can do it without conda."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class CaptureFinding:
    """Something of an activation that a module does not repeat, or that its user should know.

    Parameters
    ----------
    kind
        `differs`: a variable whose value is not the same in every shell, so it is not captured, or
        only in part. `function`, `alias`, `shell variable`, `shell option`, `trap`, `umask`,
        `folder`: it lives in the shell itself, where a module cannot put it. `backup`: a variable
        that only keeps another one's value. `failed`: a script or a file that conda reads. `output`:
        a script that prints. `left behind`: deactivate.d does not undo it (the unload of a module
        does). `deactivate`: what deactivate.d does beyond undoing. `csh differs`, `csh missing`: the
        scripts for csh do something else than those for sh, which are what is captured. `not tried`:
        what this host did not let us try.
    subject
        What it is about: a variable, a function, `activate.d/NAME.sh`.
    detail
        What was seen, a phrase.
    """

    kind: str
    subject: str
    detail: str


@dataclass(frozen=True)
class CapturedActivation:
    """What an activation changes, the variables that every activation sets (PATH, CONDA_*) left out.

    Parameters
    ----------
    set_variables
        Name and value, whatever the variable held before.
    default_variables
        Name and value, only where the variable is not set.
    prepended, appended
        The name of a list variable, and the entries in their order in it.
    unset_variables
        Names.
    findings
        What is not captured, or should be known, sorted.
    scripts_sha256
        Of all that the activation is made of: with another hash it has to be captured again.
    """

    set_variables: tuple[tuple[str, str], ...]
    default_variables: tuple[tuple[str, str], ...]
    prepended: tuple[tuple[str, tuple[str, ...]], ...]
    appended: tuple[tuple[str, tuple[str, ...]], ...]
    unset_variables: tuple[str, ...]
    findings: tuple[CaptureFinding, ...]
    scripts_sha256: str
