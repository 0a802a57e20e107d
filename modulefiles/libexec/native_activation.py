"""What `conda activate`, `deactivate` and `reactivate` answer, without importing conda.

Only certain answers are given here; otherwise `answer` returns None, and conda itself is asked. The rules are
those of conda/activate.py, in the versions from OLDEST to NEWEST.
"""

import os
import sys

from stackenv_condarc import (
    Settings,
    UncertainError,
    expand_user,
    expand_variables,
    is_file_name,
    read_settings,
)

# The answers were compared with those of both versions (tests/shells/test_native_activation.py), and the hook
# compares some with those of each installation's conda. The two versions differ if a variable of an
# environment replaces another one, or if $CONDARC does not name a configuration file: only NEWEST is answered
# then.
OLDEST = "22.9.0"
NEWEST = "24.7.1"
# conda's names of the dialects, and the file extensions of their scripts.
CONDA_SHELL = {"sh": "posix", "csh": "csh", "fish": "fish"}
EXTENSIONS = {"sh": ".sh", "csh": ".csh", "fish": ".fish"}
UNSET = "***unset***"
# Variables that conda sets itself, in upper or lower case, and names of parameters of its own functions.
RESERVED = ("PATH", "SELF", "EXPORT_METAVARS", "CONDA_PREFIX", "CONDA_SHLVL")
RESERVED_STARTS = ("CONDA_", "_CE_", "__CONDA_")
PROMPT = "({default_env}) "


def look_at(root, packages):
    """Return two modification times, which change if conda is updated or a package is installed beside it.

    Parameters
    ----------
    root : str
        The prefix of the conda installation.
    packages : str
        The folder of its Python's packages, below `root`.
    """
    folders = (root + "/conda-meta/history", root + "/" + packages)
    return tuple(os.stat(folder).st_mtime_ns for folder in folders)


def is_known(version):
    """Return whether the answers of this version of conda are known."""
    try:
        numbers = [int(part) for part in version.split(".")]
    except ValueError:
        return False
    first, last = ([int(part) for part in end.split(".")] for end in (OLDEST, NEWEST))
    return first <= numbers <= last


def is_as_built(built, root):
    """Return whether conda's answers are known, and conda is unchanged since the installation was completed.

    `built` is conda's version, the folder of its packages, and what `look_at` returned then.
    """
    version, packages, seen = built
    try:
        return is_known(version) and look_at(root, packages) == seen
    except OSError:
        return False


def answer(command, arguments, environ, root, dialect="sh"):
    """Return the answer of `conda shell.posix+json COMMAND ARGUMENTS`, or None if it is not certain.

    Parameters
    ----------
    command : str
        activate, deactivate or reactivate.
    arguments : list of str
        The arguments of the command.
    environ : mapping of str
        The environment variables.
    root : str
        The prefix of the conda installation.
    dialect : str
        sh, csh or fish: the scripts of this dialect are named.

    Returns
    -------
    dict or None
        `path`, `vars` and `scripts`, as from JSON.
    """
    found = find_answer(command, arguments, environ, root, dialect)
    return found and found[0]


def find_answer(command, arguments, environ, root, dialect, version=NEWEST):
    """Return the answer and the text that conda would write to stderr; None if they are not certain.

    `version` is a known version of conda.
    """
    try:
        return Activation(environ, root, dialect, version).find(command, arguments)
    except Exception:
        # It is not certain, or there is an error, such as a faulty template of the prompt, or a state that is
        # nested too deeply for Python: let conda itself report it.
        return None


class Activation:
    """One change of the active environment.

    Parameters
    ----------
    environ : mapping of str
        The environment variables.
    root : str
        The prefix of the conda installation.
    dialect : str
        sh, csh or fish.
    version : str
        The version of conda.
    """

    def __init__(self, environ, root, dialect, version):
        self.environ = environ
        self.root = root
        self.dialect = dialect
        self.version = version
        self.words = []
        self.level = read_level(environ)
        self.prefix = environ.get("CONDA_PREFIX")
        self.settings = Settings()

    def find(self, command, arguments):
        """Return the answer to `command`, and the messages for stderr."""
        words = [word for word in arguments if word and word != command]
        if any(word in ("-h", "--help", "/?", "--dev") for word in arguments):
            raise UncertainError("help")
        place = self.environ.get("CONDARC", ".condarc")
        if self.version != NEWEST and not is_file_name(place.rpartition("/")[2]):
            raise UncertainError("older ones read it, or fail")
        self.settings = read_settings(self.environ, self.root)
        if self.settings.values.get("envvars_force_uppercase") is False:
            raise UncertainError("envvars_force_uppercase")
        if command == "activate":
            answer = self.activate(*self.read_words(words))
        elif words or command not in ("deactivate", "reactivate"):
            raise UncertainError(command)
        elif not self.prefix or self.level < 1:
            answer = describe({}, {}, [], {}, [], [])
        elif command == "deactivate":
            answer = self.deactivate()
        else:
            answer = self.reactivate()
        return answer, self.words

    def read_words(self, words):
        """Return the name or path that `activate` is given, and whether to stack the environment."""
        deepest = self.settings.values.get("auto_stack", 0)
        level = self.level if "CONDA_SHLVL" in self.environ else -1
        stacked = bool(deepest and level <= deepest)
        if "--stack" in words and "--no-stack" in words:
            raise UncertainError("--stack --no-stack")
        for flag in ("--stack", "--no-stack"):
            if flag in words:
                stacked = flag == "--stack"
                words.remove(flag)
        if len(words) > 1:
            raise UncertainError("more than one name")
        return (words[0] if words else "base"), stacked

    def find_prefix(self, name):
        """Return the prefix of the environment with a name or a path."""
        if "/" in name or "\\" in name:
            prefix = self.expand(name)
            if not os.path.isdir(prefix + "/conda-meta"):
                raise UncertainError(name)
            return prefix
        if name in ("base", "root"):
            return os.path.abspath(self.root)
        own, users = self.root + "/envs", "~/.conda/envs"
        writable = os.access(self.root + "/conda-meta/history", os.W_OK)
        for folder in self.settings.folders + ([own, users] if writable else [users, own]):
            # conda expands variables when it reads the list, and again when it uses it.
            if "$" in expand_variables(folder, self.environ):
                raise UncertainError(folder)
            prefix = os.path.join(self.expand(folder), name)
            if os.path.isdir(prefix):
                return os.path.abspath(prefix)
        raise UncertainError(name)

    def expand(self, path):
        """Return `path` as conda's `expand` does: absolute, without variables and `~`."""
        return os.path.abspath(expand_user(expand_variables(path, self.environ), self.environ))

    def name_of(self, prefix):
        """Return the name by which conda shows the environment `prefix` (`_default_env`)."""
        if os.path.abspath(prefix) == os.path.abspath(self.root):
            return "base"
        is_named = os.path.basename(os.path.dirname(prefix)) == "envs"
        return os.path.basename(prefix) if is_named else prefix

    def activate(self, name, stacked):
        """Return the answer to `activate`."""
        prefix = self.find_prefix(name)
        if self.level and self.prefix == prefix:
            return self.reactivate()
        if self.level and not self.prefix:
            raise UncertainError("CONDA_PREFIX is not set")
        shown = self.name_of(prefix)
        modifier = self.modify_prompt(prefix, shown, "activate", stacked)
        state = {name: value for name, value in self.read_state(prefix).items() if value != UNSET}
        self.warn_of_overwritten(state)
        for name in [name for name in state if name in self.environ]:
            state["__CONDA_SHLVL_%d_%s" % (self.level, name)] = self.environ[name]
        exports = {
            "CONDA_PREFIX": prefix,
            "CONDA_SHLVL": self.level + 1,
            "CONDA_DEFAULT_ENV": shown,
            "CONDA_PROMPT_MODIFIER": modifier,
        }
        exports.update((name.upper(), value) for name, value in state.items())
        scripts = []
        if self.level == 0:
            path = self.add_to_path(prefix)
        elif stacked:
            path = self.add_to_path(prefix)
            exports["CONDA_PREFIX_%d" % self.level] = self.prefix
            exports["CONDA_STACKED_%d" % (self.level + 1)] = "true"
        else:
            path = self.replace_in_path(self.prefix, prefix)
            exports["CONDA_PREFIX_%d" % self.level] = self.prefix
            scripts = self.list_scripts(self.prefix, "deactivate")
        exports.update(self.describe_conda())
        shell = self.change_prompt(modifier)
        return describe(path, exports, [], shell, self.list_scripts(prefix, "activate"), scripts)

    def deactivate(self):
        """Return the answer to `deactivate` of an environment."""
        scripts, state = self.list_scripts(self.prefix, "deactivate"), self.read_state(self.prefix)
        below = self.level - 1
        following = []
        if below == 0:
            path = self.replace_in_path(self.prefix, None)
            modifier = ""
            exports = {"CONDA_SHLVL": below}
            unsets = ["CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER"]
        else:
            prefix = self.environ["CONDA_PREFIX_%d" % below]
            shown = self.name_of(prefix)
            modifier = self.modify_prompt(prefix, shown, "deactivate", False)
            unsets = ["CONDA_PREFIX_%d" % below]
            if "CONDA_STACKED_%d" % self.level in self.environ:
                path = self.replace_in_path(self.prefix, None)
                unsets.append("CONDA_STACKED_%d" % self.level)
            else:
                path = self.replace_in_path(self.prefix, prefix)
            exports = {
                "CONDA_PREFIX": prefix,
                "CONDA_SHLVL": below,
                "CONDA_DEFAULT_ENV": shown,
                "CONDA_PROMPT_MODIFIER": modifier,
            }
            exports.update((name.upper(), value) for name, value in self.read_state(prefix).items())
            following = self.list_scripts(prefix, "activate")
        exports.update(self.describe_conda())
        for name in state:
            unsets.append(name)
            saved = self.environ.get("__CONDA_SHLVL_%d_%s" % (below, name))
            if saved == "" and self.version != NEWEST:
                raise UncertainError("older ones bring an empty value back")
            if saved:
                exports[name] = saved
        return describe(path, exports, unsets, self.change_prompt(modifier), following, scripts)

    def reactivate(self):
        """Return the answer to `reactivate` of an environment."""
        shown = self.environ.get("CONDA_DEFAULT_ENV", self.name_of(self.prefix))
        path = self.replace_in_path(self.prefix, self.prefix)
        modifier = self.modify_prompt(self.prefix, shown, "reactivate", False)
        state = self.read_state(self.prefix)
        exports = {"CONDA_SHLVL": self.level, "CONDA_PROMPT_MODIFIER": modifier}
        exports.update((name, value) for name, value in state.items() if value != UNSET)
        unsets = [name for name, value in state.items() if value == UNSET]
        before = self.list_scripts(self.prefix, "deactivate")
        shell = self.change_prompt(modifier)
        return describe(path, exports, unsets, shell, self.list_scripts(self.prefix, "activate"), before)

    def warn_of_overwritten(self, state):
        """Keep conda's warnings about variables in `state` that now have another value."""
        if self.version != NEWEST and any(name in self.environ for name in state):
            raise UncertainError("older ones have other words, and say them more often")
        names = [name for name in state if self.environ.get(name, state[name]) != state[name]]
        if names:
            self.words.append("WARNING: overwriting environment variables set in the machine")
            self.words.append("overwriting variable %s" % names)

    def describe_conda(self):
        """Return the variables by which conda's own shell functions find it."""
        return {
            "CONDA_EXE": os.path.normpath(self.root + "/bin/conda"),
            "_CE_M": "",
            "_CE_CONDA": "",
            "CONDA_PYTHON_EXE": os.path.normpath(self.root + "/bin/python"),
        }

    def list_path(self):
        """Return the entries of PATH, normalised as by conda: an empty one becomes a dot."""
        return [os.path.normpath(entry) for entry in self.environ.get("PATH", "/usr/bin").split(":")]

    def add_to_path(self, prefix):
        """Return PATH with the environment `prefix` in front."""
        entries = self.list_path()
        if not self.level and not any(entry.endswith("condabin") for entry in entries):
            entries.insert(0, os.path.normpath(self.root + "/condabin"))
        return [os.path.normpath(prefix) + "/bin", *entries]

    def replace_in_path(self, old, new):
        """Return PATH with the environment `new` (or None) in place of `old`, or else in front."""
        entries = self.list_path()
        folder = os.path.abspath(os.path.normpath(old) + "/bin")
        at = next((i for i, entry in enumerate(entries) if os.path.abspath(entry) == folder), None)
        if at is None:
            at = 0
        else:
            # conda compares the next entry with a folder of Windows, and fails if there is none.
            if entries[at + 1 :][:1] in ([], [os.path.normpath(self.root + "/Library/bin")]):
                raise UncertainError("what follows in PATH")
            del entries[at]
        if new is not None:
            entries.insert(at, os.path.normpath(new) + "/bin")
        return entries

    def modify_prompt(self, prefix, shown, command, stacked):
        """Return the text that `command` puts before the prompt (`_prompt_modifier`)."""
        if not self.settings.values.get("changeps1", True):
            return ""
        names, prompts = [], []
        for level in range(1, self.level + 1):
            variable = "CONDA_PREFIX" if level == self.level else "CONDA_PREFIX_%d" % level
            value = self.environ.get(variable, "")
            names.append(self.name_of(value if level == self.level else value.rstrip()))
            if not self.is_stacked(level):
                prompts = prompts[:-1]
            prompts.append(names[-1])
        if command == "deactivate":
            prompts = prompts[:-1]
            if not self.is_stacked(self.level) and names[:-1]:
                prompts.append(names[-2])
        elif command == "activate":
            prompts = (prompts if stacked else prompts[:-1]) + [shown]
        template = self.settings.values.get("env_prompt", PROMPT)
        name = os.path.basename(prefix)
        return template.format(
            default_env=shown, stacked_env=",".join(prompts[::-1]), prefix=prefix, name=name
        )

    def is_stacked(self, level):
        """Return whether the environment of `level` was activated on top of the one before."""
        return bool(self.environ.get("CONDA_STACKED_%d" % level, "").rstrip())

    def change_prompt(self, modifier):
        """Return the changes of variables of the shell itself: in sh, the prompt."""
        prompt = self.environ.get("PS1", "")
        if not self.settings.values.get("changeps1", True) or "POWERLINE_COMMAND" in prompt:
            return {}
        old = self.environ.get("CONDA_PROMPT_MODIFIER")
        if old:
            prompt = prompt.replace(old, "")
        return {"PS1": modifier + prompt.replace("'", "'\"'\"'")} if self.dialect == "sh" else {}

    def list_scripts(self, prefix, when):
        """Return the scripts of the packages in `prefix` that run at `when`, in order."""
        folder = os.path.join(prefix, "etc", "conda", when + ".d")
        try:
            names = os.listdir(folder)
        except OSError:
            return []
        names = [name for name in names if name.endswith(EXTENSIONS[self.dialect])]
        names.sort(reverse=when == "deactivate")
        return [os.path.normpath(os.path.join(folder, name)) for name in names]

    def read_state(self, prefix):
        """Return the variables of the environment `prefix`: its packages' and those set by the user."""
        variables = {}
        folder = os.path.join(prefix, "etc/conda/env_vars.d")
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            names = []
        for name in names:
            variables.update(check_state(read_json(os.path.join(folder, name))))
        try:
            state = read_json(os.path.join(prefix, "conda-meta/state"))
        except FileNotFoundError:
            return variables
        own = check_state(state.get("env_vars", {}))
        for name in [name for name in variables if name in own]:
            self.words.append(
                "WARNING: duplicate env vars detected. Vars from the environment will overwrite those from"
                " packages"
            )
            self.words.append("variable %s duplicated" % name)
        variables.update(own)
        return variables


def describe(path, exports, unsets, shell, activate, deactivate):
    """Return an answer of conda's, as from JSON."""
    return {
        "path": {"PATH": path} if path else {},
        "vars": {"export": exports, "unset": unsets, "set": shell},
        "scripts": {"activate": activate, "deactivate": deactivate},
    }


def read_level(environ):
    """Return how many environments are active.

    Raises
    ------
    UncertainError
        If CONDA_SHLVL is not a number: then it depends on the command whether conda fails.
    """
    text = environ.get("CONDA_SHLVL", "0")
    if not (text and all(sign in "0123456789" for sign in text)):
        raise UncertainError("CONDA_SHLVL")
    return int(text)


def read_json(path):
    """Return the contents of the JSON file `path`, which conda reads in the encoding of the locale."""
    with open(path, "rb") as stream:
        content = stream.read()
    # Import it only if there is a file: it costs more than everything else here.
    import json

    encoding = "utf-8" if sys.getfilesystemencoding().lower() == "utf-8" else "ascii"
    return json.loads(content.decode(encoding))


def check_state(variables):
    """Return `variables` if their values are texts and their names have no special meaning to conda.

    Raises
    ------
    UncertainError
        If they are not.
    """
    upper = [name.upper() for name in variables]
    for name, value in variables.items():
        if not isinstance(value, str) or name.upper() in RESERVED or name.upper().startswith(RESERVED_STARTS):
            raise UncertainError(name)
    if len(set(upper)) != len(upper):
        raise UncertainError("names that differ in case alone")
    return variables
