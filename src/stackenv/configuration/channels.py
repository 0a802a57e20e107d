"""Channels that cannot be right together, each by conda's own reading of them."""

from __future__ import annotations

from typing import Any

from voluptuous import Invalid, MultipleInvalid

_DEFAULTS = "defaults"
_CHANNEL_ALIAS = "https://conda.anaconda.org/"
_DEFAULTS_URLS = ", ".join(f"https://repo.anaconda.com/pkgs/{name}" for name in ("main", "r", "msys2"))


def check_channels(channels: dict[str, Any]) -> dict[str, Any]:
    """Check the section ``conda.channels`` as a whole.

    Parameters
    ----------
    channels
        The section's values, each right by itself.

    Returns
    -------
    dict
        The same values.

    Raises
    ------
    MultipleInvalid
        A fault for each value that is wrong beside the others.
    """
    faults = [*_list_faults(channels, "default"), *_list_faults(channels, "denied")]
    default = {_canonical(channel) for channel in channels["default"]}
    for position, channel in enumerate(channels["denied"]):
        if _canonical(channel) in default:
            problem = f"{channel!r} is denied and a default; allowed: in one of the two lists"
            faults.append(Invalid(problem, ["denied", position]))
    if channels["replace_defaults"]:
        faults.extend(_replacement_faults(channels))
    if faults:
        raise MultipleInvalid(faults)
    return channels


def _list_faults(channels: dict[str, Any], key: str) -> list[Invalid]:
    allowed = "allowed: a channel's name or URL, without white space and commas"
    return [
        Invalid(f"{channel!r} is not one channel; {allowed}", [key, position])
        for position, channel in enumerate(channels[key])
        if "," in channel or any(character.isspace() for character in channel)
    ]


def _replacement_faults(channels: dict[str, Any]) -> list[Invalid]:
    # conda resolves the name `defaults` through default_channels: the list cannot name itself,
    # and denying `defaults` denies what the list holds, conda-forge say.
    faults = []
    if not channels["default"]:
        problem = "true, but conda.channels.default is empty; allowed: true with a default list"
        faults.append(Invalid(problem, ["replace_defaults"]))
    for position, channel in enumerate(channels["default"]):
        if _canonical(channel) == _DEFAULTS:
            problem = (
                "replace_defaults makes `defaults` mean this list, which cannot hold itself; "
                f"allowed: other channels, or URLs such as {_DEFAULTS_URLS}"
            )
            faults.append(Invalid(problem, ["default", position]))
    for position, channel in enumerate(channels["denied"]):
        if _canonical(channel) == _DEFAULTS:
            problem = (
                "with replace_defaults `defaults` means the default list, which would be denied; "
                f"allowed: the URLs to deny: {_DEFAULTS_URLS}"
            )
            faults.append(Invalid(problem, ["denied", position]))
    return faults


def _canonical(channel: str) -> str:
    trimmed = channel.rstrip("/")
    return trimmed[len(_CHANNEL_ALIAS) :] if trimmed.startswith(_CHANNEL_ALIAS) else trimmed
