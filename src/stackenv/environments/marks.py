"""By which files a folder is an environment: stackenv's, and those of venv and conda."""

from __future__ import annotations

from stackenv.record import FOLDER, RECORD_FILE, TOOLS_MARKS
from stackenv.transactions.places import Marks

MARKS = Marks((RECORD_FILE, f"{FOLDER}/unfinished-*"), TOOLS_MARKS)
