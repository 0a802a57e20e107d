"""Scripts that another Python than ours runs: the standard library only, Python 3.6 and later."""
