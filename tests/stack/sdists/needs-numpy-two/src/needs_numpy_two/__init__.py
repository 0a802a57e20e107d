"""Pure Python, though it takes numpy 2 to build."""

from needs_numpy_two.built_with import NUMPY as NUMPY
