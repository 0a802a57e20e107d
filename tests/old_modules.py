"""Modulefiles as stackenv 0.1 wrote them: they set the constraints for the whole shell."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from stackenv.modulefile.text import mark_as_ours

VARIABLES = ("PIP_CONSTRAINT", "UV_CONSTRAINT")
# What 0.1 wrote for each of the variables.
CODE = (Path(__file__).parent / "old_constraint.lua").read_text()


def render_old(modulefile: Path, prefix: Path) -> str:
    """Return the text of `modulefile`, of the venv at `prefix`, as 0.1 would have written it."""
    url = f"file:{quote(str(prefix))}/stackenv/constraints.txt"
    code = CODE.replace("NAME", f"{modulefile.parent.name}/{modulefile.stem}").replace("URL", url)
    # It repeated nothing of the record.
    _, comment, choices, body = modulefile.read_text().split("\n", 3)
    assert choices.startswith("-- choices: ")
    before, call, after = body.partition("\nmain()\n")
    assert call
    old = "\n".join(code.replace("VARIABLE", variable) for variable in VARIABLES)
    return mark_as_ours(f"{before}\n{old}{call}{after}", [comment.removeprefix("-- ")])
