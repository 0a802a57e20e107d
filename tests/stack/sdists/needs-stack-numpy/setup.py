"""Compiles one extension against the headers of the numpy that is there."""

import numpy
from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "needs_stack_numpy.total",
            ["src/needs_stack_numpy/total.c"],
            include_dirs=[numpy.get_include()],
            define_macros=[("NUMPY_BUILT_WITH", f'"{numpy.__version__}"')],
        )
    ]
)
