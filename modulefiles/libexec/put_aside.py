"""Put aside what would reach into an active conda environment, and restore it when the environment is left.

Each function returns operations (see stackenv_dialect.py), given the environment variables after conda's own
changes. `inside` says whether an environment that needs this is active. What is put aside is remembered in
variables whose names begin with STACKENV_, in one set for all levels.
"""

import os
import sys

from stackenv_hide_modules import VARIABLES, is_of_modules, is_within, list_module_roots, list_site_roots
from stackenv_pip_guard import read_setting

HIDDEN = "STACKENV_HIDDEN_"
STATE = HIDDEN + "STATE"
SEEN = "STACKENV_PYTHONPATH_SEEN"
COUNTS = "__LMOD_REF_COUNT_"
PRIORITIES = "__LMOD_Priority_PATH"
# The priority of personal modules (ENVIRONMENT_PRIORITY in stackenv.modulefile.operations), as Lmod writes
# it.
PRIORITY = "-100"
# The results for environments that were already checked.
HIDING = {}
FALSE = frozenset(["0", "false", "no", "off", "n", "f"])


def hides_by_itself(prefix):
    """Return whether the Python of `prefix` hides modules when it starts, as with a personal module."""
    if prefix not in HIDING:
        # conda makes `python` a link to python3.12 or the like.
        minor = os.path.basename(follow_links(os.path.join(prefix, "bin/python")))
        HIDING[prefix] = os.path.exists(os.path.join(prefix, "lib", minor, "site-packages/00_stackenv.pth"))
    return HIDING[prefix]


def follow_links(path):
    """Return the target of the link `path`; os.path.realpath would also check every parent folder."""
    for _ in range(40):
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            break
    return path


def split(value):
    """Return the entries of a path variable, including empty ones."""
    return value.split(":") if value else []


def merge(saved, now, hidden, keeps):
    """Return the entries of `saved` and `now` as Lmod would have them now.

    Those `hidden` entries that `keeps` accepts are in their old place. Entries that Lmod has prepended since,
    even ones that were there before, come first, and appended ones last.
    """
    visible = [entry for entry in saved if entry not in hidden]
    places = [number for number, entry in enumerate(now) if entry in visible]
    first = places[0] if places else len(now)
    fresh = [(number < first, entry) for number, entry in enumerate(now) if entry not in visible]
    old = [e for e in saved if (e in now if e in visible else e not in now and keeps(e))]
    return [e for in_front, e in fresh if in_front] + old + [e for in_front, e in fresh if not in_front]


def is_foreign(entry, environ):
    """Return whether `entry` belongs to a module, and is outside the active environments."""
    own = [value for name, value in environ.items() if name.startswith("CONDA_PREFIX")]
    return is_of_modules(entry, environ) and not any(is_within(entry, prefix) for prefix in own)


def read_state(environ):
    """Return what was recorded about the modules when their packages were hidden; empty at first.

    `hidden` has the entries of each variable, `roots` the folders of EasyBuild's modules by variable,
    `owners` the other modules by entry, `modules` all loaded modules, `counts` Lmod's counts.
    """
    if STATE not in environ:
        return {}
    # Import it only if there is something to read: it costs more than everything else here.
    import json

    try:
        return json.loads(environ[STATE])
    except ValueError:
        return {}


def list_owners(entry, state, environ):
    """Return how many modules had added `entry` when it was hidden, and how many of them are still loaded."""
    roots = [(name, root) for name, root in state.get("roots", {}).items() if is_within(entry, root)]
    if roots:
        return len(roots), sum(environ.get(name) == root for name, root in roots)
    loaded = split(environ.get("LOADEDMODULES", ""))
    owner = state.get("owners", {}).get(entry)
    everything = all(module in loaded for module in state.get("modules", []))
    return 1, int(owner in loaded if owner else everything)


def find_owner(entry, environ):
    """Return the loaded module whose file names the folder of `entry`; empty if no module does.

    This is only for modules that do not set EBROOT..., whose folders the site names.
    """
    (root,) = [root for root in list_site_roots() if is_within(entry, root)][:1] or [entry]
    folders = [entry]
    while is_within(os.path.dirname(folders[-1]), root) and os.path.dirname(folders[-1]) != root:
        folders.append(os.path.dirname(folders[-1]))
    for module, path in zip(split(environ.get("LOADEDMODULES", "")), split(environ.get("_LMFILES_", ""))):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            continue
        if any(folder in text for folder in folders):
            return module
    return ""


def name_modules(entries, modules):
    """Return those of `modules` whose full names occur in the paths `entries`."""
    return [module for module in modules if any("/" + module + "/" in entry + "/" for entry in entries)]


def read_table(text):
    """Return one of Lmod's tables, `entry:value;entry:value`, as a mapping."""
    pairs = [pair.rpartition(":") for pair in text.split(";") if pair]
    return {entry: value for entry, _, value in pairs}


def write_table(table):
    """Return the text of `table` in Lmod's form."""
    return ";".join(entry + ":" + value for entry, value in table.items())


def set_or_unset(name, value, environ):
    """Return the operations that set the variable `name` to `value`, or unset it if that is empty."""
    if value == environ.get(name, ""):
        return []
    return [("export", name, value)] if value else [("unset", name)]


def hide_modules(environ, inside):
    """Return the operations that hide the modules' entries of PYTHONPATH and EBPYTHONPREFIXES, or show them.

    The restored lists are as Lmod would have them by now: without the entries of modules unloaded in between,
    and with those of modules loaded since in front.
    """
    state = read_state(environ)
    operations, found = [], []
    for variable in VARIABLES:
        now, saved = split(environ.get(variable, "")), environ.get(HIDDEN + variable)
        hidden = state.get("hidden", {}).get(variable, [])
        whole = merge(split(saved or ""), now, hidden, lambda e: list_owners(e, state, environ)[1] > 0)
        foreign = [entry for entry in now if is_foreign(entry, environ)]
        if inside and foreign:
            found += foreign
            visible = ":".join(entry for entry in now if entry not in foreign)
            operations += [("export", HIDDEN + variable, ":".join(whole))]
            operations += set_or_unset(variable, visible, environ)
            state.setdefault("counts", {})[variable] = merge_counts(variable, whole, state, environ)
            still = [entry for entry in whole if entry in hidden]
            state.setdefault("hidden", {})[variable] = sorted({*still, *foreign})
        elif not inside and saved is not None:
            operations += [("unset", HIDDEN + variable), *set_or_unset(variable, ":".join(whole), environ)]
            counts = merge_counts(variable, whole, state, environ)
            if counts != read_table(environ.get(COUNTS + variable, "")):
                operations += set_or_unset(COUNTS + variable, write_table(counts), environ)
    if found:
        import json

        remember_owners(found, state, environ)
        operations.append(("export", STATE, json.dumps(state)))
    elif not inside and STATE in environ:
        operations.append(("unset", STATE))
    return operations + remember_seen(operations, environ, inside)


def remember_owners(entries, state, environ):
    """Record in `state` which modules had added `entries`, to know later which of them are still loaded."""
    for name, root in environ.items():
        if name.startswith("EBROOT") and any(is_within(entry, root) for entry in entries):
            state.setdefault("roots", {})[name] = root
    roots = list_module_roots(environ)
    for entry in entries:
        if not any(is_within(entry, root) for root in roots):
            state.setdefault("owners", {})[entry] = find_owner(entry, environ)
    state["modules"] = split(environ.get("LOADEDMODULES", ""))


def merge_counts(variable, whole, state, environ):
    """Return how often Lmod has added each entry of `whole`, minus the modules unloaded since.

    Lmod drops the count of an entry that is missing from the list when it writes the list (Var.lua,
    `l_extract`).
    """
    present = read_table(environ.get(COUNTS + variable, ""))
    now = split(environ.get(variable, ""))
    counts = {}
    for entry, count in state.get("counts", {}).get(variable, {}).items():
        owners, left = list_owners(entry, state, environ)
        counts[entry] = str(max(1, int(count) - (owners - left))) if count.isdigit() else count
    counts.update({entry: count for entry, count in present.items() if entry in now or entry not in counts})
    return {entry: counts[entry] for entry in whole if entry in counts}


def remember_seen(operations, environ, inside):
    """Return the operation that remembers the visible PYTHONPATH, so that later loads are noticed."""
    value = environ.get("PYTHONPATH", "") if inside else ""
    for operation in operations:
        if inside and operation[1] == "PYTHONPATH":
            value = operation[2] if operation[0] == "export" else ""
    return set_or_unset(SEEN, value, environ)


def tell_of_late_modules(environ, result):
    """Print to stderr that modules loaded later take precedence over the active environment, and `result`."""
    entries = [entry for variable in VARIABLES for entry in split(environ.get(variable, ""))]
    late = [entry for entry in entries if is_foreign(entry, environ)]
    # A closed stderr (`2>&-`) is None.
    if late and sys.stderr:
        # The last one is the module that the user loaded; the others were loaded with it.
        module = (late[:1] + name_modules(late, split(environ.get("LOADEDMODULES", ""))))[-1]
        name = environ.get("CONDA_DEFAULT_ENV") or environ.get("CONDA_PREFIX", "")
        sys.stderr.write(
            "stackenv: %s was loaded after %s was activated, and takes precedence over it; %s\n"
            % (module, name, result % {"name": name})
        )


def put_pip_user_aside(environ, prefix, inside):
    """Return the operations that make `pip install` install into the environment, not into ~/.local."""
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
    """Return the operations that hide a personal module's venv from uv while a conda environment is active.

    uv prefers VIRTUAL_ENV to CONDA_PREFIX (uv documentation, "Using Python environments").
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
    """Return the operations that make Lmod keep active environments in front of modules loaded later.

    Lmod sorts PATH by priority at each load (Var.lua, `expand`), and personal modules have a priority, so an
    environment that was activated on top of one would fall behind it. An environment that hides modules at
    its start works only with its own Python. Our `pip` gets the same priority. `prefixes` are the
    environments that were active before and those that are active now.
    """
    table = read_table(environ.get(PRIORITIES, ""))
    listed = environ.get("PATH", "").split(":")
    personal = environ.get("STACKENV_ENVIRONMENT")
    ranked = False
    for prefix in prefixes:
        folder = os.path.join(prefix, "bin")
        if folder not in listed:
            table.pop(folder, None)
        elif personal or hides_by_itself(prefix):
            table[folder] = PRIORITY
            ranked = True
    our_pip = os.path.join(environ.get("STACKENV_CONDA_ROOT", ""), "libexec/stackenv/pip")
    table.pop(our_pip, None)
    if ranked and our_pip in listed:
        table[our_pip] = PRIORITY
    return set_or_unset(PRIORITIES, write_table(table), environ)
