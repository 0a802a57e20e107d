"""Writes the numpy that it is built with into the package."""

from pathlib import Path

import numpy
from setuptools import setup

assert numpy.__version__.startswith("2"), f"built with numpy {numpy.__version__} of {numpy.__file__}"
Path("src/needs_numpy_two/built_with.py").write_text(f"NUMPY = {numpy.__version__!r}\n")
setup()
