"""Check the condarc that the configuration describes with the installed conda, before it is installed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from stackenv.conda.installation import CondaInstallation
from stackenv.configuration.condarc import describe_condarc_keys, name_configuration_key, suggest_key
from stackenv.configuration.settings import CondaSettings, SiteConfiguration
from stackenv.errors import ConfigurationError, StackenvError, quote_word
from stackenv.probe import run_probe

PROBE = Path(__file__).with_name("probe_condarc.py")


def validate_condarc(
    installation: CondaInstallation, configuration: SiteConfiguration, environ: Mapping[str, str]
) -> Iterator[str]:
    """Yield warnings: keys that conda does not know, or rejects on this host; or that it could not be asked.

    Raises
    ------
    ConfigurationError
        If conda would reject the condarc on every host, so that each conda command would fail; with the keys
        and conda's message.
    """
    # Check the configuration alone, without the effects of the admin's own variables.
    clean = {k: v for k, v in environ.items() if not k.startswith(("CONDA", "_CONDA", "_CE_", "PYTHON"))}
    python, timeout_s = (f"{installation.root}/bin/python", "-s"), configuration.conda.load_test.timeout_s

    def ask(conda: CondaSettings) -> Any:
        keys = describe_condarc_keys(conda)
        return run_probe(python, PROBE, clean, timeout_s, {"whole": "".join(keys.values()), "keys": keys})

    try:
        answer = certain = ask(configuration.conda)
        if answer["faults"]:
            certain = ask(accept_elsewhere(configuration.conda, dict(answer["faults"]), installation.root))
    except StackenvError as error:
        words = error.message.splitlines()[-1]
        yield f"conda could not check the site configuration: {words}"
        return
    conda = f"conda {answer['version']}"
    if certain["faults"]:
        faults = "".join(f"\n  {name_configuration_key(key)}: {words}" for key, words in certain["faults"])
        raise ConfigurationError(
            f"{conda} of {installation.root} rejects keys of {configuration.path}, so every `conda` "
            f"command of every user would fail:{faults}",
            f"correct them, run `stackenv site check {quote_word(configuration.path)}`, then run eb again",
        )
    yield from list_warnings(answer, conda, configuration)


def list_warnings(answer: Any, conda: str, configuration: SiteConfiguration) -> Iterator[str]:
    """Yield warnings about the keys that, according to `answer`, `conda` does not know or rejects here."""
    for key, words in answer["faults"]:
        name = name_configuration_key(key)
        yield f"{conda} rejects {name} on this host: {words.rstrip('.')}; {advise(key, configuration)}"
    for key in describe_condarc_keys(configuration.conda):
        if key not in answer["known"]:
            yield (
                f"{name_configuration_key(key)} has no effect: {conda} does not know the key {key}"
                f"{suggest_key(key, answer['known'])}"
            )


def advise(key: str, configuration: SiteConfiguration) -> str:
    """Return what the admin needs to know about `key`, whose value conda rejects on this host."""
    if "$" in str(configuration.conda.condarc.get(key)):
        # Context.channels, which reads the files by Configuration.collect_all (conda 24.7.1).
        return (
            "conda expands variables only in some of its commands; `conda create` and `conda config` of "
            "conda 24.7 do not, and fail: write the value without a variable"
        )
    return "`conda` commands fail on every host where that file is missing"


def accept_elsewhere(conda: CondaSettings, faulty: Collection[str], there: str) -> CondaSettings:
    """Return `conda` without those `faulty` keys that conda may accept on the hosts of the users.

    Some commands expand variables there. A file that is missing here may exist there, so `there`, an existing
    path, replaces it.
    """
    condarc: dict[str, object] = {}
    for key, value in conda.condarc.items():
        if key in faulty and isinstance(value, str) and value.startswith("/") and not Path(value).exists():
            condarc[key] = there
        elif key not in faulty or "$" not in str(value):
            condarc[key] = value
    return conda._replace(condarc=condarc)
