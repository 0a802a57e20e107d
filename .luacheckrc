-- What Lmod gives modulefiles; https://lmod.readthedocs.io/en/latest/050_lua_modulefiles.html
std = "min"
max_line_length = false
read_globals = {
  "LmodError", "LmodMessage", "append_path", "capture", "depends_on", "execute", "extensions", "family", "help",
  "isAvail", "isDir", "isFile", "isloaded", "lfs", "loaded_modules", "mode", "myFileName", "myModuleName", "myShellName", "myShellType", "posix",
  "prepend_path", "pushenv", "remove_path", "setenv", "unsetenv", "whatis",
}
-- Each file is a function; a modulefile has those that it calls, as local ones, and these facts.
files["modulefiles/lua"] = {
  max_line_length = 120,
  allow_defined_top = true,
  ignore = { "131" },
  read_globals = { "active", "exchanged", "loading", "name", "prefix", "reloaded", "root", "unloading" },
}
