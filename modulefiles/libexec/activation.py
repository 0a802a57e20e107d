"""Print the shell code of `conda activate`, `deactivate` or `reactivate`.

Called by the function `conda` of each shell, with the installation's own interpreter, as

    python -I activation.py DIALECT OPTIONS COMMAND [ARGUMENT...]

or, from csh, with COMMAND and its arguments in STACKENV_ARGUMENT_1 and so on. DIALECT is sh, csh or
fish; OPTIONS a comma-separated list of `base` (the base's bin is on PATH while no environment is
active) and `hide` (~/.local is out of sight while one is), or `none`.

conda's own shell code is not used, for it does not quote: a path with a quote, a `$` or a backquote
in it breaks the shell or runs in it (`export_var_tmpl = "export %s='%s'"`, conda/activate.py, 24.7.1).
The same answer as JSON (`conda shell.posix+json`, conda 4.8 and later) is quoted here.
"""

import contextlib
import io
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from stackenv_dialect import DIALECTS  # noqa: E402

# The module sets these, and unload unsets them; conda exports them again at each activation.
SET_BY_THE_MODULE = frozenset(
    ["CONDA_EXE", "CONDA_PYTHON_EXE", "_CE_M", "_CE_CONDA", "_CONDA_ROOT", "_CONDA_EXE"]
)
CONDA_SHELL = {"sh": "posix", "csh": "csh", "fish": "fish"}
BASE_BIN = os.path.join(ROOT, "bin")


def ask_conda(dialect, arguments):
    """Return conda's answer, a mapping of `path`, `vars` and `scripts`; exit as conda does on an error."""
    from conda.cli.main import main

    sys.argv = ["conda", "shell." + CONDA_SHELL[dialect] + "+json"] + arguments
    answer = io.StringIO()
    with contextlib.redirect_stdout(answer):
        status = main()
    if status:
        sys.stderr.write(answer.getvalue())
        sys.exit(status)
    try:
        return json.loads(answer.getvalue())
    except ValueError:
        sys.exit(
            "stackenv: " + ROOT + "/bin/conda gave no activation as JSON; conda 4.8 or later does. "
            "Tell your site's support."
        )


def read_arguments():
    """Return the command and its arguments; out of the environment, where csh has put them."""
    arguments = sys.argv[3:]
    if arguments:
        return arguments
    while "STACKENV_ARGUMENT_%d" % (len(arguments) + 1) in os.environ:
        arguments.append(os.environ.pop("STACKENV_ARGUMENT_%d" % (len(arguments) + 1)))
    return arguments


def level_of(environ):
    """Return how many environments are active (CONDA_SHLVL, 0 when unset or no number)."""
    text = environ.get("CONDA_SHLVL", "")
    return int(text) if text.isdigit() else 0


def read_before(environ):
    """Return the level and the name of the environment that was active before the load; 0 and "" for none."""
    level, _, rest = environ.get("STACKENV_CONDA_BEFORE", "clean").partition(":")
    return (int(level), rest.partition(":")[2]) if level.isdigit() else (0, "")


def name_as_before(exports, environ):
    """Give another conda's environment the name back that it had: to this conda it has only a path."""
    level, name = read_before(environ)
    if level and name and exports.get("CONDA_SHLVL") == str(level):
        modifier = exports.get("CONDA_PROMPT_MODIFIER", "")
        exports["CONDA_PROMPT_MODIFIER"] = modifier.replace(exports.get("CONDA_DEFAULT_ENV", name), name)
        exports["CONDA_DEFAULT_ENV"] = name


def describe_changes(command, answer, environ):
    """Return conda's answer as two lists of operations: the changes, and the scripts that follow them.

    The order is that of conda's own shell code (`_yield_commands`, conda/activate.py).
    """
    variables, scripts = answer["vars"], answer["scripts"]
    path = [("export", "PATH", ":".join(answer["path"]["PATH"]))] if answer["path"].get("PATH") else []
    exports = {
        name: str(value) for name, value in variables["export"].items() if name not in SET_BY_THE_MODULE
    }
    unsets = [name for name in variables["unset"] if name not in SET_BY_THE_MODULE]
    # conda 25.7 and later exports an empty CONDA_PREFIX where earlier ones unset it.
    unsets += [name for name in ("CONDA_PREFIX", "CONDA_DEFAULT_ENV") if exports.get(name) == ""]
    if command == "deactivate":
        name_as_before(exports, environ)
    if exports.get("CONDA_SHLVL") == "0" and environ.get("STACKENV_CONDA_BEFORE") == "clean":
        unsets += ["CONDA_SHLVL", "CONDA_PROMPT_MODIFIER"]
    operations = path if command == "deactivate" else []
    operations = operations + [("source", script) for script in scripts["deactivate"]]
    operations += [("unset", name) for name in dict.fromkeys(unsets)]
    operations += [("export", name, exports[name]) for name in exports if name not in unsets]
    operations += [] if command == "deactivate" else path
    return operations, [("source", script) for script in scripts["activate"]]


def carry_out(operations, environ):
    """Return `environ` as it is after `operations` (a script's own changes are not known here)."""
    after = dict(environ)
    for operation in operations:
        if operation[0] == "export":
            after[operation[1]] = operation[2]
        elif operation[0] == "unset":
            after.pop(operation[1], None)
    return after


def without_base(path):
    """Return the PATH `path` without the base's bin."""
    return ":".join(entry for entry in path.split(":") if entry != BASE_BIN)


def with_base(path):
    """Return the PATH `path` with the base's bin where the load had put it: behind condabin."""
    entries = without_base(path).split(":")
    condabin = os.path.join(ROOT, "condabin")
    entries.insert(entries.index(condabin) + 1 if condabin in entries else 0, BASE_BIN)
    return ":".join(entries)


def show_base(environ):
    """Return the operations that bring the base back on PATH once no environment is active."""
    loaded = environ.get("STACKENV_CONDA_ROOT") == ROOT
    if level_of(environ) or not loaded:
        return []
    return [("export", "PATH", with_base(environ.get("PATH", "")))]


def hide_user_site(environ):
    """Return the operations that put ~/.local out of sight in an environment, and back outside."""
    saved = environ.get("STACKENV_USER_SITE")
    if level_of(environ) > read_before(environ)[0] and environ.get("CONDA_PREFIX") != ROOT:
        if saved is not None or environ.get("PYTHONNOUSERSITE"):
            return []
        was = "unset" if "PYTHONNOUSERSITE" not in environ else "empty"
        return [("export", "STACKENV_USER_SITE", was), ("export", "PYTHONNOUSERSITE", "1")]
    if saved is None:
        return []
    restored = []
    if environ.get("PYTHONNOUSERSITE") == "1":
        name = "PYTHONNOUSERSITE"
        restored = [("unset", name)] if saved == "unset" else [("export", name, "")]
    return [("unset", "STACKENV_USER_SITE"), *restored]


def change_prompt(environ, after):
    """Return the operation that puts the new environment's name in front of the prompt."""
    passed = environ.get("STACKENV_PROMPT", "")
    if not passed.startswith("=") or "POWERLINE_COMMAND" in passed:
        return []
    prompt, old = passed[1:], environ.get("CONDA_PROMPT_MODIFIER", "")
    if old:
        prompt = prompt.replace(old, "")
    return [("prompt", after.get("CONDA_PROMPT_MODIFIER", "") + prompt)]


def drop_newlines(operations):
    """Return `operations` without values that csh cannot take through a command substitution; say which."""
    for operation in operations:
        if operation[0] == "export" and "\n" in operation[2]:
            sys.stderr.write(
                "stackenv: csh cannot hold a value of several lines: " + operation[1] + " was not set\n"
            )
    return [o for o in operations if not (o[0] == "export" and "\n" in o[2])]


def main():
    dialect, options = sys.argv[1:3]
    command, *arguments = read_arguments()
    environ = dict(os.environ)
    if not level_of(environ):
        os.environ["PATH"] = without_base(environ.get("PATH", ""))
    answer = ask_conda(dialect, [command, *arguments])
    operations, scripts = describe_changes(command, answer, environ)
    after = carry_out(operations, environ)
    chosen = options.split(",")
    operations += show_base(after) if "base" in chosen else []
    operations += hide_user_site(after) if "hide" in chosen else []
    operations += change_prompt(environ, after)
    if dialect == "csh":
        operations = drop_newlines(operations)
    print("\n".join(map(DIALECTS[dialect], operations + scripts)))


main()
