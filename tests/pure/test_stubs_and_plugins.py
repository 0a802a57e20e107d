"""Which packages get a stub with a Python that finds the entry points of two packages of one name twice."""

from __future__ import annotations

import pytest

from stackenv.environments.stubs import can_be_shown
from stackenv.record import Python

NUMPY = """\
[array_api]
numpy = numpy.array_api

[pyinstaller40]
hook-dirs = numpy:_pyinstaller_hooks_dir

[console_scripts]
f2py = numpy.f2py.f2py2e:main
"""


@pytest.mark.parametrize(
    ("version", "entry_points", "shown"),
    [
        ("3.9.6", None, True),
        ("3.9.6", "[console_scripts]\ntool = tool:main\n", True),
        # The entry points of numpy 1.23 to 1.26, the package that needs a stub most.
        ("3.9.6", NUMPY, True),
        ("3.9.6", f"{NUMPY}[pytest11]\nplugin = plugin\n", False),
        ("3.9.6", "no section", False),
        ("3.10.4", "[pytest11]\nplugin = plugin\n", True),
        ("3.13.1", "no section", True),
    ],
)
def test_a_package_with_plugins_has_no_stub_before_python_3_10(
    version: str, entry_points: str | None, shown: bool
) -> None:
    texts = {"METADATA": "", **({"entry_points.txt": entry_points} if entry_points else {})}
    assert can_be_shown(texts, Python(version, "/python")) is shown
