"""The quoter of Lua."""

from __future__ import annotations

import re


def quote_lua(text: str) -> str:
    """Return `text` as a Lua string that Lua 5.1 to 5.4 reads back byte by byte.

    A text of several lines is put in long brackets, to be readable; any other in "..." with decimal escapes
    (Lua 5.1 manual, 2.1). Long brackets turn a carriage return into a newline, so a text with one is escaped.
    """
    if "\n" in text and not re.search(r"[\0\r]", text):
        level = 0
        while f"]{'=' * level}]" in text or text.endswith("]" + "=" * level):
            level += 1
        return f"[{'=' * level}[\n{text}]{'=' * level}]"
    readable = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\{ord(found.group()):03d}", readable)
    return f'"{escaped}"'
