"""Packages of a conda environment that a module of the site offers, built for this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding

# Where the build for the machine makes a difference, by the names of conda and of EasyBuild's modules
# (the SciPy-bundle holds numpy, scipy and pandas; easybuild-easyconfigs).
OPTIMISED: Mapping[str, str] = {
    "h5py": "h5py",
    "jax": "jax",
    "mpi4py": "mpi4py",
    "numpy": "SciPy-bundle",
    "openmpi": "OpenMPI",
    "pandas": "SciPy-bundle",
    "pytorch": "PyTorch",
    "scikit-learn": "scikit-learn",
    "scipy": "SciPy-bundle",
    "tensorflow": "TensorFlow",
    "r-base": "R",
}


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding with the packages that modules have too, and the newest of these modules."""
    record = environment.record
    if record is None or record.kind != "conda":
        return
    names = {package.name: package.version for package in environment.packages if not package.installer}
    offered: dict[str, str] = {}
    for name, module in OPTIMISED.items():
        if name in names and module in environment.loader.modules:
            offered[f"{name} {names[name]}"] = environment.loader.modules[module]
    if not offered:
        return
    modules = sorted(set(offered.values()))
    yield Finding(
        "generic-packages",
        "warning",
        f"{', '.join(offered)}: conda's builds run on any machine; optimised for this one: "
        f"{', '.join(modules)}",
        str(environment.prefix),
        "calculations can take a multiple of the time",
        f"if nothing else needs conda: stackenv create NAME {' '.join(f'-m {m}' for m in modules)} PACKAGE",
    )
