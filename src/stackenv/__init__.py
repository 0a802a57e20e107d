"""Python environments as modulefiles, layered on a cluster's optimised stack.

A folder is a subject. `cli` has one file a command: words of the command line to a call, its result to the
printer in `output`. `site` is what the site's admins run: EasyBuild's hooks, the report. `cleaning` finds
what is no longer needed. `lifecycle` creates, adopts, edits, renames, rebuilds, updates and removes
environments; `health`, `packing`, `jupyter` and `slurm` are what their names say. `environments` knows what
an environment is: its place, its folder of modules, its base modules, how a venv is filled, its module and
the files added to it. `disk` measures folders, `account` reads a user's start-up files, `conda` is the
module of a conda installation, and conda's own files; `lmod` asks Lmod, `modulefile` writes modulefiles,
`transactions` changes modules and environments, whole or not at all, and `configuration` is what the site
decided. `record` is what is known of an environment. Imports go in this order, never back:
tests/pure/test_structure.py holds it.
"""

__version__ = "0.2.0"

# In everything that stackenv writes, so that it knows its own.
STACKENV_UUID = "5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94"
# Below the prefix of an environment: the folder of what stackenv puts there, and the record in it.
FOLDER = "stackenv"
RECORD_FILE = f"{FOLDER}/record.json"
