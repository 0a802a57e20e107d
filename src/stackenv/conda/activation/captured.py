"""What the activation of a conda environment does, as frozen data: a module can repeat it without conda."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class CaptureFinding:
    """A part of an activation that a module does not repeat, or that its user should know about.

    Parameters
    ----------
    kind
        `differs`: a variable whose value is not the same in every shell, so it is captured only in part
        or not at all. `function`, `alias`, `shell variable`, `shell option`, `trap`, `umask`, `folder`:
        it exists only in the shell itself, where a module cannot set it. `backup`: a variable that only
        keeps the value of another one. `failed`: a script that fails, or a file that conda cannot use.
        `output`: a script that prints something. `left behind`: deactivate.d does not undo it (unloading
        a module does). `deactivate`: deactivate.d does more than undo the activation. `csh differs`,
        `csh missing`: the scripts for csh do not do the same as those for sh, which are captured. `not
        tried`: this host did not allow the test.
    subject
        What it is about: a variable, a function, `activate.d/NAME.sh`.
    detail
        What was observed, as a phrase.
    """

    kind: str
    subject: str
    detail: str


@dataclass(frozen=True)
class CapturedActivation:
    """What an activation changes, apart from the variables that every activation sets (PATH, CONDA_*).

    Parameters
    ----------
    set_variables
        Name and value, set whatever the variable held before.
    default_variables
        Name and value, set only if the variable is not set.
    prepended, appended
        The name of a list variable, and the added entries in their final order.
    unset_variables
        Names.
    findings
        What was not captured or the user should know, sorted.
    scripts_sha256
        The hash of everything that makes up the activation; if it changes, capture the activation again.
    """

    set_variables: tuple[tuple[str, str], ...]
    default_variables: tuple[tuple[str, str], ...]
    prepended: tuple[tuple[str, tuple[str, ...]], ...]
    appended: tuple[tuple[str, tuple[str, ...]], ...]
    unset_variables: tuple[str, ...]
    findings: tuple[CaptureFinding, ...]
    scripts_sha256: str
