"""The files by which a folder is recognised as an environment: those of stackenv, venv and conda."""

from __future__ import annotations

from stackenv.record import FOLDER, RECORD_FILE, TOOLS_MARKS
from stackenv.transactions.places import Marks

MARKS = Marks((RECORD_FILE, f"{FOLDER}/unfinished-*"), TOOLS_MARKS)
