"""Print the shell code of `conda activate`, `deactivate` or `reactivate`; the program is activation.py.

Three more commands: `notice` only warns if modules come before an environment, `leave` is `deactivate`
without conda, and `bring-back` restores everything that was put aside.

conda's own shell code is not used, because it does not quote: a path with a quote, a `$` or a backquote
breaks the shell or runs as code (`export_var_tmpl = "export %s='%s'"`, conda/activate.py, 24.7.1). Instead,
conda's answer in JSON (`conda shell.posix+json`, conda 4.8 and later) is quoted here. If it is certain what
conda would answer, conda is not imported.
"""

import os
import sys

from stackenv_dialect import DIALECTS, is_name
from stackenv_hide_modules import VARIABLES, is_within
from stackenv_native_activation import (
    CONDA_SHELL,
    RESERVED,
    RESERVED_STARTS,
    UNSET,
    find_answer,
    is_as_built,
)
from stackenv_pip_guard import lift
from stackenv_put_aside import (
    hide_modules,
    hides_by_itself,
    put_pip_user_aside,
    put_venv_aside,
    rank_environments,
    tell_of_late_modules,
)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The module sets these and unload unsets them, but conda exports them again at each activation.
SET_BY_THE_MODULE = frozenset(
    ["CONDA_EXE", "CONDA_PYTHON_EXE", "_CE_M", "_CE_CONDA", "_CONDA_ROOT", "_CONDA_EXE"]
)


def ask(dialect, command, arguments, built):
    """Return conda's answer, a mapping of `path`, `vars` and `scripts`; exit as conda does on an error.

    `built` is what was recorded about conda when the installation was completed (compile_activation.py).
    """
    found = None
    if sys.flags.no_site and built and is_as_built(built, ROOT):
        found = find_answer(command, arguments, os.environ, ROOT, dialect, built[0])
    if found is None:
        return ask_conda(dialect, [command, *arguments])
    answer, words = found
    say("".join(word + "\n" for word in words))
    return answer


def say(words):
    """Write `words` to stderr, unless it is closed (`2>&-`)."""
    if words and sys.stderr:
        sys.stderr.write(words)


def ask_conda(dialect, arguments):
    """Return conda's own answer; exit as conda does on an error."""
    import contextlib
    import io
    import json

    if sys.flags.no_site:
        # `site` makes conda and its plugins importable; it costs less than starting another interpreter.
        import site

        site.main()
    if sys.stderr is None:
        # With stderr closed (`2>&-`), conda would fail, and the next file that it opens would become its
        # stderr.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the end)
    from conda.cli.main import main

    sys.argv = ["conda", "shell." + CONDA_SHELL[dialect] + "+json"] + arguments
    answer = io.StringIO()
    with contextlib.redirect_stdout(answer):
        status = main()
    if status:
        say(answer.getvalue())
        sys.exit(status)
    try:
        return json.loads(answer.getvalue())
    except ValueError:
        sys.exit(
            "stackenv: " + ROOT + "/bin/conda gave no activation as JSON; conda 4.8 or later does. "
            "Tell your site's support."
        )


def read_arguments():
    """Return the command and its arguments; for csh, from the environment variables that hold them."""
    arguments = sys.argv[3:]
    if arguments:
        return arguments
    while "STACKENV_ARGUMENT_%d" % (len(arguments) + 1) in os.environ:
        arguments.append(os.environ.pop("STACKENV_ARGUMENT_%d" % (len(arguments) + 1)))
    return arguments


def translate(command, arguments):
    """Return the arguments of `mamba activate` and the like in conda's form; exit on an unsupported option.

    mamba has options for the name, the path and the root that conda does not have, and others that have no
    effect here (mamba-org/mamba, micromamba/src/shell.cpp and common_options.cpp).
    """
    if not any(word.startswith("-") for word in arguments):
        return arguments
    import getopt

    with_value = ["name=", "prefix=", "root-prefix=", "shell=", "rc-file=", "log-level="]
    flags = ["quiet", "verbose", "yes", "json", "offline", "dry-run", "no-rc", "no-env", "debug"]
    try:
        options, words = getopt.gnu_getopt(
            arguments, "n:p:r:s:qvy", with_value + flags + ["stack", "no-stack"]
        )
    except getopt.GetoptError as error:
        sys.exit("mamba " + command + ": " + error.msg)
    words = [value for name, value in options if name in ("-n", "--name", "-p", "--prefix")] + words
    roots = [value for name, value in options if name in ("-r", "--root-prefix")]
    if roots and command == "activate" and len(words) < 2:
        name = "".join(words)
        if name in ("", "base"):
            words = [roots[-1]]
        elif "/" not in name:
            words = [os.path.join(roots[-1], "envs", name)]
    return words + [name for name, _ in options if name in ("--stack", "--no-stack")]


def level_of(environ):
    """Return how many environments are active (CONDA_SHLVL; 0 if it is unset or not a number)."""
    text = environ.get("CONDA_SHLVL", "")
    return int(text) if text.isdigit() else 0


def read_before(environ):
    """Return level and name of the environment that was active before the load; 0 and "" if none was."""
    level, _, rest = environ.get("STACKENV_CONDA_BEFORE", "clean").partition(":")
    return (int(level), rest.partition(":")[2]) if level.isdigit() else (0, "")


def name_as_before(exports, environ):
    """Restore the name of another conda's environment, which this conda knows only by its path."""
    level, name = read_before(environ)
    if level and name and exports.get("CONDA_SHLVL") == str(level):
        modifier = exports.get("CONDA_PROMPT_MODIFIER", "")
        exports["CONDA_PROMPT_MODIFIER"] = modifier.replace(exports.get("CONDA_DEFAULT_ENV", name), name)
        exports["CONDA_DEFAULT_ENV"] = name


def is_own(name):
    """Return whether a variable belongs to an environment, and is not one that conda sets for itself."""
    return name.upper() not in RESERVED and not name.upper().startswith(RESERVED_STARTS)


def spell(name, environ):
    """Return all spellings of `name` in `environ` that differ only in upper and lower case."""
    return [known for known in environ if known.upper() == name.upper()]


def correct_names(command, exports, unsets, environ):
    """Correct conda's answer for variables of an environment whose names have lower-case letters.

    For a variable my_token, conda 24.7.1 sets MY_TOKEN when the environment is activated, but saves the old
    value of my_token as that of MY_TOKEN. When the environment is activated again, it sets my_token too. In
    the end it looks for a saved my_token, and unsets only that (`build_activate`, `build_reactivate`,
    `build_deactivate`). Here both variables are saved as they were, one is set, and at the end both are unset
    and restored.
    """
    level, current = exports.get("CONDA_SHLVL"), level_of(environ)
    saved = "__CONDA_SHLVL_%d_" % (current - (command == "deactivate"))
    if command == "deactivate":
        for name in [name for name in unsets if is_own(name)]:
            # A spelling can be the user's from before the activation, the environment's, or neither.
            for known in dict.fromkeys([name, name.upper()]):
                unsets.append(known)
                if saved + known in environ:
                    exports[known] = environ[saved + known]
    elif level == str(current + 1):
        for name in filter(is_own, list(exports)):
            exports.pop(saved + name, None)
            exports.update(
                (saved + known, environ[known]) for known in spell(name, environ) if is_name(known)
            )
    elif level == str(current):
        for name in filter(is_own, list(exports)):
            if name.upper() in environ and environ.get(name) != exports[name]:
                exports[name.upper()] = exports.pop(name)


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
    correct_names(command, exports, unsets, environ)
    if command == "deactivate":
        # The environment below does not have these, and conda would set them to its mark for that.
        unsets += [name for name, value in exports.items() if value == UNSET]
        exports = {name: value for name, value in exports.items() if value != UNSET}
    # conda 25.7 and later export an empty CONDA_PREFIX; earlier versions unset it.
    emptied = [name for name in ("CONDA_PREFIX", "CONDA_DEFAULT_ENV") if exports.get(name) == ""]
    if command == "deactivate":
        name_as_before(exports, environ)
        if exports.get("CONDA_PREFIX") == environ.get("STACKENV_CONDA_ENV", ""):
            # This returns to the environment of a personal module, which does not change the prompt.
            exports.pop("CONDA_PROMPT_MODIFIER", None)
            unsets.append("CONDA_PROMPT_MODIFIER")
    if exports.get("CONDA_SHLVL") == "0" and environ.get("STACKENV_CONDA_BEFORE") == "clean":
        emptied += ["CONDA_SHLVL", "CONDA_PROMPT_MODIFIER"]
    unsets += emptied
    saved = "__CONDA_SHLVL_%s_" % exports.get("CONDA_SHLVL", "")
    if command == "deactivate":
        unsets += [name for name in environ if name.startswith(saved)]
    operations = path if command == "deactivate" else []
    operations = operations + [("source", script) for script in scripts["deactivate"]]
    operations += [("unset", name) for name in dict.fromkeys(unsets)]
    # A name may be in both: first the environment's own variable, then the user's value again.
    operations += [("export", name, exports[name]) for name in exports if name not in emptied]
    operations += [] if command == "deactivate" else path
    return operations, [("source", script) for script in scripts["activate"]]


def carry_out(operations, environ):
    """Return `environ` as changed by `operations` (the changes made by scripts are unknown here)."""
    after = dict(environ)
    for operation in operations:
        if operation[0] == "export":
            after[operation[1]] = operation[2]
        elif operation[0] == "unset":
            after.pop(operation[1], None)
    return after


def without_base(path, root):
    """Return the PATH `path` without the bin of the base at `root`."""
    return ":".join(entry for entry in path.split(":") if entry != os.path.join(root, "bin"))


def with_base(path, root):
    """Return the PATH `path` with the base's bin where the load had put it: after condabin."""
    entries = without_base(path, root).split(":")
    condabin = os.path.join(root, "condabin")
    entries.insert(entries.index(condabin) + 1 if condabin in entries else 0, os.path.join(root, "bin"))
    return ":".join(entries)


def put_first(path, prefix):
    """Return the PATH `path` with the environment `prefix` in front.

    If the environment is already active, conda does not move it, even if a Python module has been loaded
    since (`build_activate`, conda/activate.py).
    """
    folder = os.path.join(prefix, "bin")
    entries = path.split(":")
    return ":".join([folder] + [e for e in entries if e != folder]) if folder in entries else path


def arrange_path(environ, base_on_path):
    """Return the PATH for `environ`: with our `pip` right after the environment, or with the base again.

    During a swap of modules, this is the old module's program, but the restored base is the new module's.
    """
    root, path = environ.get("STACKENV_CONDA_ROOT"), environ.get("PATH", "")
    if not root:
        return path
    prefix = environ.get("CONDA_PREFIX", "")
    if not level_of(environ) and base_on_path:
        path = with_base(path, root)
    our_pip = os.path.join(root, "libexec/stackenv/pip")
    entries = [entry for entry in path.split(":") if entry != our_pip]
    if len(entries) == len(path.split(":")):
        return path
    # A personal module has already put its environment in front, and keeps that order.
    in_front = prefix if level_of(environ) and prefix != environ.get("STACKENV_CONDA_ENV") else root
    places = [os.path.join(in_front, "bin"), os.path.join(root, "condabin")]
    at = next((entries.index(place) + 1 for place in places if place in entries), 0)
    return ":".join(entries[:at] + [our_pip] + entries[at:])


def hide_user_site(environ):
    """Return the operations that hide ~/.local in an environment, and show it again outside."""
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


def needs_help(environ):
    """Return whether the active environment was activated, and is neither base nor a personal module's."""
    prefix = environ.get("CONDA_PREFIX", "")
    above = level_of(environ) > read_before(environ)[0]
    return above and prefix not in (environ.get("STACKENV_CONDA_ENV", ""), ROOT)


def list_prefixes(environ):
    """Return the environments that are active, from the first to the one in use."""
    level = level_of(environ)
    names = ["CONDA_PREFIX_%d" % number for number in range(1, level)] + ["CONDA_PREFIX"] * (level > 0)
    return [environ[name] for name in names if environ.get(name)]


def put_aside(environ, after, options):
    """Return the operations that put aside what would reach into the environment, or that restore it."""
    prefix, inside = after.get("CONDA_PREFIX", ""), needs_help(after)
    above = level_of(after) > read_before(after)[0]
    operations = hide_user_site(after) if "hide" in options else []
    # pip does not recognise base as a virtual environment either.
    operations += lift(after, prefix, inside or (above and prefix == ROOT))
    operations += put_pip_user_aside(after, prefix, inside)
    operations += put_venv_aside(after, above)
    if "hide-modules" in options:
        operations += hide_modules(after, inside and not hides_by_itself(prefix))
    return operations + rank_environments(list_prefixes(environ) + list_prefixes(after), after)


def drop_own_entries(after, prefix):
    """Remove from `after` what activate.d of `prefix` put on PYTHONPATH, since its deactivate.d has run."""
    for name in VARIABLES:
        entries = after.get(name, "").split(":")
        kept = [entry for entry in entries if not is_within(entry, prefix)]
        if kept != entries:
            after[name] = ":".join(kept)


def notice(environ, options, result):
    """Warn if a module that was loaded after the activation comes before the active environment."""
    if "hide-modules" in options and needs_help(environ) and not hides_by_itself(environ["CONDA_PREFIX"]):
        tell_of_late_modules(environ, result)


def change_prompt(environ, after):
    """Return the operation that puts the new environment's name in front of the prompt."""
    passed = environ.get("STACKENV_PROMPT", "")
    if not passed.startswith("=") or "POWERLINE_COMMAND" in passed:
        return []
    prompt, old = passed[1:], environ.get("CONDA_PROMPT_MODIFIER", "")
    if old:
        prompt = prompt.replace(old, "")
    return [("prompt", after.get("CONDA_PROMPT_MODIFIER", "") + prompt)]


def deactivate_missing_conda(environ):
    """Return the operations that leave every environment activated after the load, without asking conda.

    This is for an unload at which conda fails (a broken ~/.condarc) or does nothing (CONDA_PREFIX unset by
    hand). It restores PATH and conda's variables; the packages' own scripts do not run.
    """
    level = level_of(environ)
    before, name = read_before(environ)
    levels = ["CONDA_PREFIX_%d" % number for number in range(before + 1, level)] + ["CONDA_PREFIX"]
    prefixes = [environ[variable] for variable in levels if environ.get(variable)]
    if not environ.get("CONDA_PREFIX"):
        # Then only PATH shows it: an entry with a conda-meta beside it is an environment.
        entries = environ.get("PATH", "").split(":")
        homes = [os.path.dirname(entry) for entry in entries if os.path.basename(entry) == "bin"]
        prefixes += [home for home in homes if os.path.isdir(os.path.join(home, "conda-meta"))]
    base = environ.get("CONDA_PREFIX_%d" % before, "")
    gone = {os.path.join(prefix, "bin") for prefix in prefixes if prefix not in (ROOT, base)}
    path = [entry for entry in environ.get("PATH", "").split(":") if entry not in gone]
    stacked = ["CONDA_STACKED_%d" % number for number in range(before + 1, level + 1)]
    unsets = [n for n in levels + stacked + ["CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER"] if n in environ]
    restored = [("export", "CONDA_SHLVL", str(before))] if before else [("unset", "CONDA_SHLVL")]
    if before:
        restored += [("export", "CONDA_PREFIX", base), ("export", "CONDA_DEFAULT_ENV", name)]
    say("stackenv: conda could not deactivate its environment, so it was deactivated without its scripts\n")
    return [("export", "PATH", ":".join(path))] + [("unset", n) for n in unsets] + restored


def drop_impossible(operations, dialect):
    """Return `operations` without those that the shell cannot carry out; say which these are."""
    kept = []
    for operation in operations:
        verb, name = operation[:2]
        if verb in ("export", "unset") and not is_name(name):
            # The variables of an environment (`conda env config vars set`) may have any name.
            why = "names of variables have letters, digits and _ only"
        elif dialect == "csh" and verb == "export" and "\n" in operation[2]:
            # A command substitution of csh would not keep the newlines.
            why = "csh cannot hold a value of several lines"
        else:
            kept.append(operation)
            continue
        if verb == "export":
            say("stackenv: the variable " + name + " was not set: " + why + "\n")
    return kept


def main(built):
    """Print the code for the command line; see `ask` for `built`."""
    dialect, options = sys.argv[1], sys.argv[2].split(",")
    command, *arguments = read_arguments()
    environ = dict(os.environ)
    name = "mamba" if "mamba" in options else "conda"
    if command == "notice":
        notice(environ, options, "to put the environment first: " + name + " activate %(name)s")
        return
    if name == "mamba":
        arguments = translate(command, arguments)
    if not level_of(environ):
        os.environ["PATH"] = without_base(environ.get("PATH", ""), ROOT)
    if command == "leave":
        operations, scripts = deactivate_missing_conda(environ), []
    elif command == "bring-back":
        operations, scripts = [], []
    else:
        answer = ask(dialect, command, arguments, built)
        operations, scripts = describe_changes(command, answer, environ)
    after = carry_out(operations, environ)
    answered = after.get("PATH", "")
    if needs_help(after):
        notice(environ, options, "the environment is first now")
        after["PATH"] = put_first(answered, after["CONDA_PREFIX"])
    after["PATH"] = arrange_path(after, "base" in options)
    operations += [("export", "PATH", after["PATH"])] if after["PATH"] != answered else []
    if environ.get("CONDA_PREFIX") and any(operation[0] == "source" for operation in operations):
        drop_own_entries(after, environ["CONDA_PREFIX"])
    operations += put_aside(environ, after, options)
    operations += change_prompt(environ, after)
    operations = drop_impossible(operations, dialect)
    code = "\n".join(map(DIALECTS[dialect], operations + scripts))
    if sys.stdout:
        # A path may contain bytes that cannot be decoded.
        sys.stdout.buffer.write(os.fsencode(code + "\n"))
