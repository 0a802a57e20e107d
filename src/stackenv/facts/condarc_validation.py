"""What the installed conda makes of the condarc that the policy describes, before it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stackenv.errors import PolicyError, StackenvError, quote_word
from stackenv.facts.installation import CondaInstallation
from stackenv.facts.python import run_probe
from stackenv.policy import SitePolicy
from stackenv.policy.condarc import describe_condarc, describe_condarc_keys, name_policy_key, suggest_key

PROBE = Path(__file__).parent / "probes" / "condarc_probe.py"


def validate_condarc(
    installation: CondaInstallation, policy: SitePolicy, environ: Mapping[str, str]
) -> Iterator[str]:
    """Yield warnings: keys that this conda does not know, or that it could not be asked.

    Raises
    ------
    PolicyError
        When conda rejects the condarc, which would end each of its commands; with the keys and its words.
    """
    keys = describe_condarc_keys(policy.conda)
    # The configuration alone, not what the admin's own variables make of it.
    clean = {k: v for k, v in environ.items() if not k.startswith(("CONDA", "_CONDA", "_CE_", "PYTHON"))}
    question = {"whole": describe_condarc(policy.conda), "keys": keys}
    try:
        answer = run_probe(
            f"{installation.root}/bin/python", PROBE, clean, policy.conda.proof.timeout_s, question
        )
    except StackenvError as error:
        words = error.message.splitlines()[-1]
        yield f"conda could not be asked whether the site configuration is valid for it: {words}"
        return
    conda = f"conda {answer['version']}"
    if answer["faults"]:
        faults = "".join(f"\n  {name_policy_key(key)}: {words}" for key, words in answer["faults"])
        raise PolicyError(
            f"{conda} of {installation.root} rejects keys of {policy.path}, so that each `conda` command of "
            f"each user would fail:{faults}",
            f"correct them, type `stackenv site check {quote_word(policy.path)}`, and run eb again",
        )
    for key in keys:
        if key not in answer["known"]:
            yield (
                f"{name_policy_key(key)} has no effect: {conda} does not know the key {key}"
                f"{suggest_key(key, answer['known'])}"
            )
