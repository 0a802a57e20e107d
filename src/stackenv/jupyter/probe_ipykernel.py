"""Write what this Python's ipykernel is to the file that the first argument names.

As JSON: version, and the kernelspec that it would install itself (own); or error, when it cannot be
imported, and missing, whether it is just not there. All of it is imported: half an install must not pass.
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
    # Behind the script's own folder, which no kernel has in front.
    del sys.path[0]
    with open(sys.argv[1], "w") as stream:
        json.dump(describe_ipykernel(), stream)
