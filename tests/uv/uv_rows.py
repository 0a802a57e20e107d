"""The commands of the experiment with stubs and bin/uv: see test_table.py and table.txt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One command of uv.

    Parameters
    ----------
    label
        Its name in the table.
    script
        The script for bash, which runs in a folder with the files of `test_table.make_files`.
    shown
        A label for its standard output in the table; empty if the output is not in the table.
    """

    label: str
    script: str
    shown: str = ""


# Filters the versions of numpy from the output of uv.
NUMPY = "sed -nE 's/^([^[:alnum:]]* )?numpy( v|==| +)([0-9][0-9.]*).*/\\3/p' | sort -u"
# Prints which numpy a project's environment has, and which it imports.
IN_VENV = 'echo "$(there .venv), $(whose .venv/bin/python)"'

ROWS = (
    Row("uv pip install needs-numpy", "uv pip install needs-numpy"),
    Row("uv pip install wants-numpy-two", "uv pip install wants-numpy-two"),
    Row("uv pip install 'numpy>=2'", "uv pip install 'numpy>=2'"),
    Row("uv pip install numpy", "uv pip install numpy"),
    Row("uv pip install --no-deps numpy==2.1.1", "uv pip install --no-deps numpy==2.1.1"),
    Row("uv pip install -r numpy-two.txt", "uv pip install -r numpy-two.txt"),
    Row(
        "uv pip install -U -r all.txt",
        "uv pip install needs-numpy==1.0 && uv pip freeze | sed 's/==.*//' >all.txt && "
        "uv pip install -U -r all.txt",
    ),
    Row("uv pip install -U numpy", "uv pip install -U numpy"),
    Row(
        "uv pip install -U needs-numpy",
        "uv pip install needs-numpy==1.0 && uv pip install -U needs-numpy",
    ),
    Row("uv pip install -P numpy needs-numpy", "uv pip install -P numpy needs-numpy"),
    Row(
        "uv pip install --reinstall needs-numpy",
        "uv pip install needs-numpy && uv pip install --reinstall needs-numpy",
    ),
    Row(
        "uv pip install --reinstall-package needs-numpy needs-numpy",
        "uv pip install needs-numpy && uv pip install --reinstall-package needs-numpy needs-numpy",
    ),
    Row(
        "uv pip install --reinstall-package numpy needs-numpy",
        "uv pip install needs-numpy && uv pip install --reinstall-package numpy needs-numpy",
    ),
    Row("uv pip install --exact six", "uv pip install --exact six"),
    Row(
        "uv pip install --overrides numpy-two.txt needs-numpy",
        "uv pip install --overrides numpy-two.txt needs-numpy",
    ),
    Row("uv pip install numpy-1.25.1.whl", "uv pip install $WHEELS/numpy-1.25.1-*.whl"),
    Row("uv pip install numpy-2.1.1.whl", "uv pip install $WHEELS/numpy-2.1.1-*.whl"),
    Row("uv pip uninstall numpy", "uv pip uninstall numpy"),
    Row("uv pip uninstall needs-numpy", "uv pip install needs-numpy && uv pip uninstall needs-numpy"),
    Row("uv pip sync without-numpy.txt", "uv pip sync without-numpy.txt"),
    Row("uv pip sync numpy-two.txt", "uv pip sync numpy-two.txt"),
    Row(
        "uv pip compile needs-numpy.in", f"uv pip compile --no-annotate needs-numpy.in | {NUMPY}", "it lists"
    ),
    Row("uv pip compile wants-two.in", f"uv pip compile --no-annotate wants-two.in | {NUMPY}", "it lists"),
    Row("uv pip check", "uv pip install --no-deps needs-numpy && uv pip check"),
    Row("uv pip list", f"uv pip list | {NUMPY}", "it lists"),
    Row("uv pip freeze", f"uv pip freeze | {NUMPY}", "it lists"),
    Row("uv pip tree", f"uv pip install --no-deps needs-numpy && uv pip tree | {NUMPY}", "it lists"),
    Row("uv add needs-numpy", f"cd empty && uv add needs-numpy && {IN_VENV}", "in .venv"),
    Row("uv add --active needs-numpy", "cd empty && uv add --active needs-numpy"),
    Row("uv sync", f"cd needing && uv sync && {IN_VENV}", "in .venv"),
    Row("uv sync --active", "cd needing && uv sync --active"),
    Row("uv sync --active --inexact", "cd needing && uv sync --active --inexact"),
    Row("uv remove --active needs-numpy", "cd needing && uv remove --active needs-numpy"),
    Row(
        "uv remove --active --no-sync needs-numpy",
        "cd needing && uv remove --active --no-sync needs-numpy",
    ),
    Row("uv run --active --exact, in a project", "cd empty && uv run --active --exact true"),
    Row("uv run, in a project", f"cd needing && uv run whose python && {IN_VENV}", "it imports; in .venv"),
    Row("uv run, in no project", "uv run whose python", "it imports"),
    Row("uv run --with needs-numpy", "uv run --with needs-numpy whose python", "it imports"),
    Row("uv run SCRIPT, of PEP 723", "uv run script.py", "it imports"),
    Row("uvx --from needs-numpy", "uvx --from needs-numpy whose python", "it imports"),
    Row("/PATH/uv pip install needs-numpy", '"$TOOLS/uv" pip install needs-numpy'),
    Row("/PATH/uv pip install wants-numpy-two", '"$TOOLS/uv" pip install wants-numpy-two'),
    Row(
        "uv pip install --python OTHER wants-numpy-two",
        "uv venv --no-project --python /usr/bin/python3 other && "
        "uv pip install --python other wants-numpy-two && there other",
        "in OTHER",
    ),
    Row(
        "uv pip install --system --dry-run wants-numpy-two",
        f"uv pip install --system --dry-run wants-numpy-two 2>&1 | {NUMPY}",
        "it would install",
    ),
    Row(
        "uv pip install --target FOLDER wants-numpy-two",
        "uv pip install --target folder wants-numpy-two && there folder",
        "in FOLDER",
    ),
)
