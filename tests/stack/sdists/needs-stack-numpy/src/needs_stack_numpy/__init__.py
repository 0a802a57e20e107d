"""Takes numpy's headers to build, though its build requirements do not say so."""
