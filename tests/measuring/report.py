"""Print how many lines of each folder of src/stackenv were run, and the lines missing in the worst files.

python report.py COVERAGE.json
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

WIDTH = 46
FILES = 25


def main() -> None:
    files = json.loads(Path(sys.argv[1]).read_text())["files"]
    run, lines = Counter(), Counter()
    for name, file in files.items():
        run[str(Path(name).parent)] += file["summary"]["covered_lines"]
        lines[str(Path(name).parent)] += file["summary"]["num_statements"]
    print("Not run, in the files where most is not run:")
    for name, file in sorted(files.items(), key=lambda entry: -len(entry[1]["missing_lines"]))[:FILES]:
        if file["missing_lines"]:
            print(f"  {name}: {', '.join(list_ranges(file['missing_lines']))}")
    print()
    for folder in sorted(lines):
        print_share(folder, run[folder], lines[folder])
    print_share("all", run.total(), lines.total())


def list_ranges(numbers: list[int]) -> list[str]:
    """Return ascending `numbers` as `3` and `5-7`."""
    ranges = []
    for _, group in groupby(enumerate(numbers), key=lambda entry: entry[1] - entry[0]):
        first, *rest = (number for _, number in group)
        ranges.append(f"{first}-{rest[-1]}" if rest else f"{first}")
    return ranges


def print_share(name: str, run: int, lines: int) -> None:
    print(f"{name:{WIDTH}} {run:6} of {lines:6} lines  {100 * run / max(lines, 1):5.1f} %")


main()
