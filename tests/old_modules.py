"""Modulefiles as stackenv 0.1 wrote them, which set the constraints for the whole shell."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from stackenv.modulefile.text import mark_as_ours

VARIABLES = ("PIP_CONSTRAINT", "UV_CONSTRAINT")
# The code that 0.1 wrote for each variable.
CODE = (Path(__file__).parent / "old_constraint.lua").read_text()


def render_old(modulefile: Path, prefix: Path) -> str:
    """Return the text that 0.1 would have written for `modulefile` of the venv at `prefix`."""
    url = f"file:{quote(str(prefix))}/stackenv/constraints.txt"
    code = CODE.replace("NAME", f"{modulefile.parent.name}/{modulefile.stem}").replace("URL", url)
    # 0.1 did not repeat choices of the record.
    _, comment, choices, body = modulefile.read_text().split("\n", 3)
    assert choices.startswith("-- choices: ")
    before, call, after = body.partition("\nmain()\n")
    assert call
    old = "\n".join(code.replace("VARIABLE", variable) for variable in VARIABLES)
    return mark_as_ours(f"{before}\n{old}{call}{after}", [comment.removeprefix("-- ")])
