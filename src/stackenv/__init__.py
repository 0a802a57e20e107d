"""Python environments as modulefiles, layered on a cluster's optimised stack.

Data flows one way: `configuration` (what the site decided) and `facts` (what is on the disk) become a
description in the terms of `model`, made by the pure functions of `describe`; `render` turns a
description into the text of a modulefile; `apply` alone changes the disk. `commands` (the command
line) and `easybuild` (the hooks) wire these stages together; no stage imports a later one.
"""

__version__ = "0.1.0"

# Stands in everything that stackenv writes, so that it knows its own.
STACKENV_UUID = "5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94"
