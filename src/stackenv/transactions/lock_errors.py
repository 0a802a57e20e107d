"""Errors for modules that are locked by a journal: whose it is, and whether its command still runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from stackenv.errors import BusyError, StackenvError, quote_word
from stackenv.transactions.changes import RANDOM
from stackenv.transactions.journal_file import FoundNote, Note, look_at
from stackenv.transactions.process import GONE_AFTER_S, Process, is_older

# A process in a file name. At the end of the name of a journal, it is the process that recovers it.
PROCESS = re.compile(r"(.+)\.(\d{1,9})\.(\d*)\.([0-9a-f-]*)\.(\d*)")
# The end of the name of a draft; the draft of a new journal also contains the process that writes it.
DRAFT = re.compile(rf"(?:\.(.+))?\.{RANDOM}")


def name_process(process: Process) -> str:
    """Return `process` as a part of a file name that `parse_process_name` can read."""
    return f"{process.host}.{process.pid}.{process.start}.{process.boot}.{process.pid_namespace}"


def parse_process_name(text: str) -> Process | None:
    """Return the process in a text that `name_process` made; None if it is another text."""
    found = PROCESS.fullmatch(text)
    if not found:
        return None
    host, pid, start, boot, pid_namespace = found.groups()
    return Process(host, int(pid), start, boot, pid_namespace)


def recovering_process(path: Path) -> Process | None:
    """Return the process in the name of the journal `path` that recovers it; None without one."""
    return parse_process_name(path.name.partition(".recovery.")[2])


def is_interrupted(found: FoundNote, path: Path) -> bool:
    """Return whether the command of the journal `path` has ended; an unreadable journal must be old."""
    process = recovering_process(path) or (found.note.process if found.note else None)
    return not process.is_alive(path) if process else is_older(path, GONE_AFTER_S)


def describe_foreign_journal(found: FoundNote, path: Path) -> str:
    what = f"`{found.note.command}` was interrupted" if found.note else "it is not a valid journal"
    return (
        f"{path} belongs to {found.user_name}: {what}; it is left alone until {found.user_name} runs "
        "stackenv here again"
    )


def describe_open_journal(path: Path) -> str:
    return (
        f"{path} is yours, but others may write to it, so it is not trusted and left alone; if its "
        f"contents are right: chmod go-w {quote_word(path)}; otherwise: rm {quote_word(path)}"
    )


def refusal(subject: str, path: Path) -> StackenvError:
    """Return the error that `subject` cannot be changed because of the journal `path`."""
    found = look_at(path)
    if found and not found.is_ours and is_interrupted(found, path):
        return StackenvError(
            f"{describe_foreign_journal(found, path)}; nothing was changed",
            f"choose another name, or ask {found.user_name}",
        )
    if found and found.is_ours and not found.can_be_trusted:
        return StackenvError(f"{describe_open_journal(path)}; nothing was changed")
    if found and found.note is None:
        return StackenvError(
            f"{path} is not a valid journal, and {subject} cannot be changed while it is there; nothing "
            "was changed",
            f"{GONE_AFTER_S // 60} minutes after its last change, the next stackenv command of "
            f"{found.user_name} renames it; if it is not needed: rm {quote_word(path)}",
        )
    if found is None or found.note is None:
        return BusyError(
            f"{subject} was being changed just now; nothing was changed", "run the same command again"
        )
    return busy(found.note, path)


def busy(note: Note, path: Path) -> BusyError:
    return BusyError(
        f"{note.subject} is being changed now by process {note.process.pid} on {note.process.host} "
        f"(`{note.command}`); nothing was changed",
        f"wait until it is done; if the process has ended but {path} is still there, it counts as ended "
        f"after {GONE_AFTER_S // 60} minutes",
    )


def unfinished(note: Note, path: Path) -> StackenvError:
    process = recovering_process(path)
    if process and process != Process.current() and process.is_alive(path):
        return busy(replace(note, process=process), path)
    return StackenvError(
        f"`{note.command}` was interrupted, and its changes to {note.subject} could not be undone or "
        "finished yet; nothing was changed",
        f"to try again, and see why it fails: stackenv list; what is left to do is in {path}",
    )
