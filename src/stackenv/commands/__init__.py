"""The command line's verbs: arguments in, text out."""
