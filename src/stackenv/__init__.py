"""Python environments as modulefiles, layered on a cluster's optimised stack.

A folder is a subject, and holds all of it. `cli` has one file a command: words of the command line to a
call, its result to the printer in `output`. `site` is what the site's admins run: EasyBuild's hooks, the
report. `lifecycle` creates, adopts, edits, renames, rebuilds, updates and removes environments; `cleaning`,
`health`, `packing`, `jupyter` and `slurm` are what their names say. `environments` knows what an environment
is: its folder of modules, the modules that it is based on, how a venv or a conda environment is made, and the
module that it gets; `record` what is known of it. `conda` is the module of a conda installation, and conda's
own files. `disk` and `account` look at what folders take, and at a user's start-up files. `lmod` asks Lmod,
`modulefile` describes and writes modulefiles, `transactions` alone changes the disk, whole or not at all,
`configuration` is what the site decided, `probe` asks another Python, and `user_paths` reads the paths that
variables and files name. Imports go one way, in this order.
"""

__version__ = "0.1.0"

# In everything that stackenv writes, so that it knows its own.
STACKENV_UUID = "5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94"
