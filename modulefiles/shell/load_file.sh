# After a load of a personal module: the code is in the environment's folder. By \., which no alias takes.
# shellcheck source=/dev/null disable=SC1001
if [ -f __FILE__ ] && [ -r __FILE__ ]; then \. __FILE__; fi
