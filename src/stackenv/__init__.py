"""Python environments as modulefiles, layered on a cluster's optimised stack.

Each folder is one subject. A folder imports only from those below it in this list, which
tests/pure/test_structure.py checks:

cli             the commands, one file each: arguments in, a call, the result to the printer in `output`
site            what a site's admins run: EasyBuild's hooks and `stackenv site`
cleaning        finds what is no longer needed and deletes it
lifecycle       creates, adopts, edits, renames, rebuilds, updates, exports and removes environments
health          the rules of `stackenv check`, and the fixes that they offer
packing         packs an environment into a SquashFS image, and mounts it
jupyter         Jupyter kernels of environments
slurm           Slurm jobs that run in environments
environments    what an environment is: its path, base modules, packages, files and personal module
disk            measures folders, quotas and purged storage
account         reads a user's start-up files
conda           the module of a conda installation, and conda's own files
lmod            asks Lmod, and reads what it answers
modulefile      describes modulefiles and renders them
transactions    changes files completely or not at all, also when a command is killed
configuration   reads and checks the site configuration

Beside them, `record` is what is stored about one environment.
"""

__version__ = "0.2.0"

# Written into every file of stackenv, so that stackenv recognises its own files.
STACKENV_UUID = "5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94"
# Relative to the prefix of an environment: stackenv's folder, and the record in it.
FOLDER = "stackenv"
RECORD_FILE = f"{FOLDER}/record.json"
