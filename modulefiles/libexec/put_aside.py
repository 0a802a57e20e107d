"""What would reach into an active conda environment is put aside, and brought back when it is left.

Each function returns operations (see stackenv_dialect.py) from the environment variables as they are
after conda's own changes. `inside` says whether an environment is active that needs this; what is put
aside is remembered in variables whose names begin with STACKENV_, one set for all levels.
"""

import json
import os
import sys

from stackenv_hide_modules import VARIABLES, is_of_modules, is_within, list_module_roots
from stackenv_pip_guard import read_setting

HIDDEN = "STACKENV_HIDDEN_"
STATE = HIDDEN + "STATE"
SEEN = "STACKENV_PYTHONPATH_SEEN"
COUNTS = "__LMOD_REF_COUNT_"
PRIORITIES = "__LMOD_Priority_PATH"
# That of personal modules (stackenv.describe.venv, PATH_PRIORITY), as Lmod writes it for prepend_path.
PRIORITY = "-100"
FALSE = frozenset(["0", "false", "no", "off", "n", "f"])


def hides_by_itself(prefix):
    """Tell whether the Python of `prefix` hides modules at its start, as one with a personal module does."""
    try:
        # python -> python3.12, as conda links it.
        minor = os.path.basename(os.path.realpath(os.path.join(prefix, "bin/python")))
        pth = os.path.join(prefix, "lib", minor, "site-packages/00_stackenv.pth")
        return os.path.exists(pth)
    except OSError:
        return False


def split(value):
    """Return the entries of a path variable, the empty ones too."""
    return value.split(":") if value else []


def merge(saved, now, keeps):
    """Return the entries of `saved` that `keeps` accepts or that are in `now`, with the new ones of `now`.

    What Lmod has prepended since stands in front, what was appended at the end.
    """
    known = [number for number, entry in enumerate(now) if entry in saved]
    first = known[0] if known else len(now)
    in_front = [entry for entry in now[:first] if entry not in saved]
    behind = [entry for entry in now[first:] if entry not in saved]
    return in_front + [entry for entry in saved if entry in now or keeps(entry)] + behind


def read_state(environ):
    """Return what was remembered of the modules when their packages were hidden; empty at first."""
    try:
        return json.loads(environ.get(STATE, "{}"))
    except ValueError:
        return {}


def is_still_loaded(entry, state, environ):
    """Tell whether `entry` was hidden when `state` was written, and its module is still loaded."""
    if any_within(entry, state.get("roots", [])):
        return any_within(entry, list_module_roots(environ))
    loaded = split(environ.get("LOADEDMODULES", ""))
    gone = [module for module in state.get("modules", []) if module not in loaded]
    return is_of_modules(entry, environ) and not name_modules([entry], gone)


def any_within(entry, roots):
    """Tell whether `entry` is one of `roots` or below one."""
    return any(is_within(entry, root) for root in roots)


def name_modules(entries, modules):
    """Return those of `modules` whose full names are in the paths `entries`."""
    return [module for module in modules if any("/" + module + "/" in entry + "/" for entry in entries)]


def read_table(text):
    """Return a table of Lmod's, `entry:value;entry:value`, as a mapping."""
    pairs = [pair.rpartition(":") for pair in text.split(";") if pair]
    return {entry: value for entry, _, value in pairs}


def write_table(table):
    """Return the text of a table of Lmod's."""
    return ";".join(entry + ":" + value for entry, value in table.items())


def set_or_unset(name, value, environ):
    """Return the operations after which the variable `name` is `value`, or unset when that is empty."""
    if value == environ.get(name, ""):
        return []
    return [("export", name, value)] if value else [("unset", name)]


def hide_modules(environ, inside):
    """Return the operations that hide what modules bring on PYTHONPATH and EBPYTHONPREFIXES, or show it.

    Shown again is what Lmod would have there by now: not what was unloaded in between, and what was
    loaded in front.
    """
    state = read_state(environ)
    operations, found = [], []
    for variable in VARIABLES:
        now, saved = split(environ.get(variable, "")), environ.get(HIDDEN + variable)
        whole = merge(split(saved or ""), now, lambda entry: is_still_loaded(entry, state, environ))
        foreign = [entry for entry in now if is_of_modules(entry, environ)]
        if inside and foreign:
            found += foreign
            visible = ":".join(entry for entry in now if entry not in foreign)
            operations += [("export", HIDDEN + variable, ":".join(whole))]
            operations += set_or_unset(variable, visible, environ)
            state.setdefault("counts", {})[variable] = merge_counts(variable, whole, state, environ)
        elif not inside and saved is not None:
            operations += [("unset", HIDDEN + variable), *set_or_unset(variable, ":".join(whole), environ)]
            counts = merge_counts(variable, whole, state, environ)
            if counts != read_table(environ.get(COUNTS + variable, "")):
                operations += set_or_unset(COUNTS + variable, write_table(counts), environ)
    if found:
        roots = [root for root in list_module_roots(environ) if any(is_within(e, root) for e in found)]
        state["roots"] = sorted({*state.get("roots", []), *roots})
        state["modules"] = split(environ.get("LOADEDMODULES", ""))
        operations.append(("export", STATE, json.dumps(state)))
    elif not inside and STATE in environ:
        operations.append(("unset", STATE))
    return operations + remember_seen(operations, environ, inside)


def merge_counts(variable, whole, state, environ):
    """Return how often Lmod has added each entry of `whole`.

    Lmod forgets that of an entry that is not in the list when it writes it (Var.lua, `l_extract`).
    """
    known = dict(state.get("counts", {}).get(variable, {}))
    known.update(read_table(environ.get(COUNTS + variable, "")))
    return {entry: known[entry] for entry in whole if entry in known}


def remember_seen(operations, environ, inside):
    """Return the operation that remembers what is visible on PYTHONPATH, by which a late load is noticed."""
    value = environ.get("PYTHONPATH", "") if inside else ""
    for operation in operations:
        if inside and operation[1] == "PYTHONPATH":
            value = operation[2] if operation[0] == "export" else ""
    return set_or_unset(SEEN, value, environ)


def tell_of_late_modules(environ, result):
    """Say on stderr that modules were loaded into the active environment and come before it; `result` too."""
    entries = [entry for variable in VARIABLES for entry in split(environ.get(variable, ""))]
    late = [entry for entry in entries if is_of_modules(entry, environ)]
    if late:
        # The last is what was asked for; the others came with it.
        module = (late[:1] + name_modules(late, split(environ.get("LOADEDMODULES", ""))))[-1]
        name = environ.get("CONDA_DEFAULT_ENV") or environ.get("CONDA_PREFIX", "")
        sys.stderr.write(
            "stackenv: %s was loaded after `conda activate %s` and comes before the environment; %s\n"
            % (module, name, result % {"name": name})
        )


def put_pip_user_aside(environ, prefix, inside):
    """Return the operations by which `pip install` goes into the environment, not into ~/.local."""
    marker, name = "STACKENV_PIP_USER", "PIP_USER"
    saved, value = environ.get(marker), environ.get(name, "")
    if inside:
        wants_user = (value or read_setting(environ, prefix, ("user",))[0]).lower()
        if saved is not None or not wants_user or wants_user in FALSE:
            return []
        return [("export", marker, "=" + value if name in environ else "unset"), ("export", name, "0")]
    if saved is None:
        return []
    restored = []
    if value == "0":
        restored = [("unset", name)] if saved == "unset" else [("export", name, saved[1:])]
    return [("unset", marker), *restored]


def put_venv_aside(environ, inside):
    """Return the operations that keep uv from the venv of a personal module while conda's is active.

    uv takes VIRTUAL_ENV before CONDA_PREFIX (uv documentation, "Using Python environments").
    """
    marker, name = "STACKENV_VENV_ASIDE", "VIRTUAL_ENV"
    saved, venv = environ.get(marker, ""), environ.get(name)
    module = environ.get("STACKENV_ENVIRONMENT", "")
    if inside and venv and module and not environ.get("STACKENV_CONDA_ENV"):
        return [("export", marker, module + ":" + venv), ("unset", name)]
    if inside or not saved:
        return []
    owner, _, prefix = saved.partition(":")
    restored = [("export", name, prefix)] if owner == module and not venv else []
    return [("unset", marker), *restored]


def rank_environments(prefixes, environ):
    """Return the operations by which Lmod keeps active environments in front of what is loaded later.

    Lmod sorts PATH by priorities at each load (Var.lua, `expand`), and personal modules have one: what
    was activated on top of one would fall behind it. One that hides modules at its start is right with
    its own Python alone. `prefixes` are those that were active before and are now.
    """
    table = read_table(environ.get(PRIORITIES, ""))
    listed = environ.get("PATH", "").split(":")
    personal = environ.get("STACKENV_ENVIRONMENT")
    for prefix in prefixes:
        folder = os.path.join(prefix, "bin")
        if folder not in listed:
            table.pop(folder, None)
        elif personal or hides_by_itself(prefix):
            table[folder] = PRIORITY
    return set_or_unset(PRIORITIES, write_table(table), environ)
