"""Journals that are in the way: whose they are, whether somebody carries them out, what is said of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from stackenv.errors import BusyError, StackenvError, quote_word
from stackenv.transactions.journal_file import Entry, FoundEntry, look_at
from stackenv.transactions.process import GONE_AFTER_S, Process, is_older

# Behind the name of a journal that is being recovered: by whom.
RECOVERY = re.compile(r"(.+)\.(\d{1,9})\.(\d*)\.([0-9a-f-]*)\.(\d*)")


def name_recovery(owner: Process) -> str:
    """Return what `recovering_process` reads: `owner`, in the name of a journal."""
    return f"{owner.host}.{owner.pid}.{owner.start}.{owner.boot}.{owner.pid_namespace}"


def recovering_process(path: Path) -> Process | None:
    """Return who is recovering, by the file's name; None when nobody is."""
    found = RECOVERY.fullmatch(path.name.partition(".recovery.")[2])
    if not found:
        return None
    host, pid, start, boot, pid_namespace = found.groups()
    return Process(host, int(pid), start, boot, pid_namespace)


def is_interrupted(found: FoundEntry, path: Path) -> bool:
    """Tell whether nobody carries out the journal `path` any more; one that cannot be read: when old."""
    owner = recovering_process(path) or (found.entry.owner if found.entry else None)
    return not owner.is_alive(path) if owner else is_older(path, GONE_AFTER_S)


def tell_foreign(found: FoundEntry, path: Path) -> str:
    what = f"`{found.entry.command}` was interrupted" if found.entry else "a journal that cannot be read"
    return (
        f"{path} belongs to {found.user_name}: {what}; it is left alone, and the next stackenv of "
        f"{found.user_name} here resolves it"
    )


def tell_open(path: Path) -> str:
    return (
        f"{path} is yours and others may write it, so that it could say anything: it is left alone; if what "
        f"stands in it is right: chmod go-w {quote_word(path)}; else: rm {quote_word(path)}"
    )


def refusal(subject: str, path: Path) -> StackenvError:
    """Return why `subject` cannot be changed while the journal `path` is there."""
    found = look_at(path)
    if found and not found.is_ours and is_interrupted(found, path):
        return StackenvError(
            f"{tell_foreign(found, path)}; nothing was changed", "take another name, or ask them"
        )
    if found and found.is_ours and not found.can_be_believed:
        return StackenvError(f"{tell_open(path)}; nothing was changed")
    if found and found.entry is None:
        return StackenvError(
            f"{path} cannot be read as a journal, and while it is there {subject} cannot be changed; nothing "
            "was changed",
            f"it is set aside {GONE_AFTER_S // 60} minutes after its last change, by the next stackenv of "
            f"{found.user_name}; if it is of no use: rm {quote_word(path)}",
        )
    if found is None or found.entry is None:
        return BusyError(f"{subject} was being changed just now; nothing was changed", "type the same again")
    return busy(found.entry, path)


def busy(entry: Entry, path: Path) -> BusyError:
    return BusyError(
        f"{entry.subject} is being changed now by process {entry.owner.pid} on {entry.owner.host} "
        f"(`{entry.command}`); nothing was changed",
        f"wait until it is done; if that process is gone although {path} is still there, it counts as "
        f"gone after {GONE_AFTER_S // 60} minutes",
    )


def unfinished(entry: Entry, path: Path) -> StackenvError:
    owner = recovering_process(path)
    if owner and owner != Process.current() and owner.is_alive(path):
        return busy(replace(entry, owner=owner), path)
    return StackenvError(
        f"`{entry.command}` was interrupted, and what it had begun with {entry.subject} could not be undone "
        "or finished yet; nothing was changed",
        f"stackenv list tries again, and says why it cannot; what is left to do stands in {path}",
    )
