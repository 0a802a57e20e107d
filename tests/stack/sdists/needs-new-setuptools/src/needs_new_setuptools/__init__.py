"""Built only by a setuptools that is newer than that of the stack's Python."""
