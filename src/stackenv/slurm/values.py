"""The values that Slurm accepts for the options of a job (sbatch(1)), checked before submission."""

from __future__ import annotations

import re

from stackenv.errors import UsageError

# sbatch splits #SBATCH lines at spaces, quotes, backslashes and comments; no value in Slurm contains them.
# Slurm itself checks whether an account or a partition exists.
VALUE = re.compile(r"""[^\s"'\\#]+""")
TIMES = "minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes[:seconds]"
RANGE = r"\d+(?:-\d+(?::\d+)?)?"
GPUS = r"(?:[A-Za-z][\w.-]*[:=])?\d+"
# sbatch(1) 22.05, plus the lists and steps of nodes that 23.02 added. Slurm itself checks whether a valid
# value is allowed at this site.
FORMS = {
    "time": (
        re.compile(r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}|-1|infinite|unlimited", re.IGNORECASE),
        f"--time 2:00:00 for two hours, 30 for 30 minutes, 1-12 for a day and a half ({TIMES})",
    ),
    "mem": (re.compile(r"\d+([KMGT]B?)?", re.IGNORECASE), "--mem 8G: a whole number with K, M, G or T"),
    "nodes": (
        re.compile(r"\d+[km]?(-\d+[km]?)?(:\d+)?(,\d+(-\d+(:\d+)?)?)*", re.IGNORECASE),
        "--nodes 2, or a minimum and a maximum: --nodes 2-4",
    ),
    "array": (
        re.compile(rf"{RANGE}(?:,{RANGE})*(?:%\d+)?"),
        "--array 1-20, --array 1,3,7 or, four at a time, --array 1-20%4",
    ),
    "gpus": (re.compile(rf"{GPUS}(?:,{GPUS})*"), "--gpus 1, or with a type: --gpus a100:2"),
    # As in an #SBATCH line: a long option of sbatch, with or without a value.
    "sbatch": (
        re.compile(r"(?:--)?[a-z][a-z0-9-]+(?:=\S+)?"),
        "give one sbatch option in one word: --sbatch gres=gpu:1, --sbatch exclusive",
    ),
}
# Times as people write them elsewhere: 2h, 1d12h, 90min, 1.5h.
SPOKEN = re.compile(
    r"(?:(?P<days>[\d.]+) ?d(?:ays?)?)? ?(?:(?P<hours>[\d.]+) ?h(?:ours?|rs?)?)? ?"
    r"(?:(?P<minutes>[\d.]+) ?m(?:in(?:ute)?s?)?)? ?(?:(?P<seconds>[\d.]+) ?s(?:ec(?:ond)?s?)?)?",
    re.IGNORECASE,
)
UNITS_S = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def require_value(option: str, value: str) -> None:
    """Raise UsageError if Slurm would not accept `value` for an option of sbatch."""
    if not VALUE.fullmatch(value) or not value.isprintable():
        raise UsageError(
            f"--{option} {value!r} cannot be used in a Slurm script",
            "use one word without spaces, quotes, backslashes and #",
        )
    hint = describe_fault(option, value)
    if hint:
        raise UsageError(f"Slurm does not accept --{option} {value}", hint)


def describe_fault(option: str, value: str) -> str:
    """Return what to type instead of `value` for an option of sbatch; empty if Slurm accepts it."""
    if option not in FORMS or FORMS[option][0].fullmatch(value):
        return ""
    meant = translate_time(value) if option == "time" else ""
    return f"--time {meant}" if meant else FORMS[option][1]


def translate_time(text: str) -> str:
    """Return the time that `text` gives with units in Slurm's format; empty if it is not such a time."""
    found = SPOKEN.fullmatch(text)
    try:
        parts = {unit: float(number) for unit, number in found.groupdict().items() if number} if found else {}
    except ValueError:
        return ""
    minutes, seconds = divmod(round(sum(UNITS_S[unit] * number for unit, number in parts.items())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if not days + hours + minutes + seconds:
        return ""
    clock = f"{hours:02}:{minutes:02}:{seconds:02}"
    return f"{days}-{clock}" if days else clock
