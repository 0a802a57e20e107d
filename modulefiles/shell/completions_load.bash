# Completions are for an interactive shell that loads the module (or that inherits it and runs `module refresh`, as
# Lmod's start-up files do); jobs get none.
case $- in *i*) [ ! -r __FILE__ ] || . __FILE__ ;; esac
