"""What the site decided: the site configuration, found, read and checked.

`settings` is what the rest of stackenv sees, frozen data; `loader` alone reads YAML and checks its keys, and
`cache` spares a user's commands that while the file says the same.
"""
