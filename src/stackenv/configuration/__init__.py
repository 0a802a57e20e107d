"""The site configuration: finding, reading and checking it.

`settings` is what the rest of stackenv sees, as frozen data. Only `loader` reads YAML and checks its keys,
and `cache` spares users' commands this work while the file is unchanged.
"""
