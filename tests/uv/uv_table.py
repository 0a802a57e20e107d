"""Reads and writes the table of the experiment with stubs and bin/uv: see table.txt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from uvs import UVS

MODES = ("neither", "stubs alone", "bin/uv alone", "both")
BOTH_UVS = "both uvs"
EMPTY = ""

# Keys: the label of the row, the uv, and the mode.
Cells = dict[tuple[str, str, str], str]


def read_table(path: Path) -> Cells:
    """Return the cells of the table in the file `path`; no cells if there is no file."""
    cells: Cells = {}
    if not path.exists():
        return cells
    for line in path.read_text(encoding="utf-8").splitlines():
        words = [word.strip() for word in line.strip("|").split("|")]
        if not line.startswith("|") or words[1] not in (BOTH_UVS, *UVS):
            continue
        label, uv, *texts = words
        for one in UVS if uv == BOTH_UVS else (uv,):
            cells.update({(label, one, mode): text for mode, text in zip(MODES, texts)})
    return cells


def format_table(head: str, labels: Sequence[str], cells: Mapping[tuple[str, str, str], str]) -> str:
    """Return the text: `head`, and a line for each of `labels`, or one per uv where the two differ."""
    lines = [("what is typed", "uv", *MODES)]
    for label in labels:
        by_uv = {uv: tuple(cells.get((label, uv, mode), EMPTY) for mode in MODES) for uv in UVS}
        if len(set(by_uv.values())) == 1:
            lines.append((label, BOTH_UVS, *next(iter(by_uv.values()))))
        else:
            lines += [(label, uv, *texts) for uv, texts in by_uv.items()]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, tuple("-" * width for width in widths))
    rows = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    return "\n".join([head.rstrip("\n"), "", *rows, ""])
