# After a load of a personal module, runs the code in the environment's folder. \. cannot be an alias.
# shellcheck source=/dev/null disable=SC1001
if [ -f __FILE__ ] && [ -r __FILE__ ]; then \. __FILE__; fi
