"""Write a description of this Python's ipykernel to the file named by the first argument.

It is JSON: version and own, the kernelspec that it would install itself; or error, if it cannot be imported,
and missing, whether it is simply not installed. All of it is imported, so that a partial installation is
found.
"""

import json
import sys


def describe_ipykernel():
    try:
        import ipykernel
        import ipykernel.kernelapp
        from ipykernel.kernelspec import get_kernel_dict
    except ImportError as error:
        return {"error": str(error), "missing": getattr(error, "name", None) == "ipykernel"}
    return {"version": ipykernel.__version__, "own": get_kernel_dict()}


if __name__ == "__main__":
    # Remove the script's own folder, which a kernel does not have there.
    del sys.path[0]
    with open(sys.argv[1], "w") as stream:
        json.dump(describe_ipykernel(), stream)
