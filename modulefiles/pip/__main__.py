# 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94
"""Run the pip that this Python finds, as pip's own program does.

`python -m pip` looks into the current folder first, where anybody's pip.py may lie. Run as a file, Python
looks into the folder of that first, and in this one is nothing else.
"""

import runpy
import sys
from importlib.util import find_spec

try:
    found = find_spec("pip.__main__") is not None
except ImportError:
    found = False
if not found:
    sys.exit(sys.executable + ": No module named pip")
runpy.run_module("pip", run_name="__main__", alter_sys=True)
