"""Render operations as lines of Lua, each a call of a function of Lmod or of the templates' folder lua/.

Lmod may evaluate the lines in any mode. Functions that look at the user's files do so only in the modes load
and unload: show, spider, avail, help and whatis never look at anyone's folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

import jinja2

from stackenv.configuration.path_template import PathTemplate, Variable
from stackenv.configuration.settings import StoragePlace
from stackenv.modulefile import operations as op
from stackenv.modulefile import personal_operations as personal
from stackenv.modulefile.dialect import quote_sh
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.spec import Name, Source
from stackenv.modulefile.templates import render_source

# csh evaluates Lmod's output in a command substitution, in which it expands words that look like file name
# patterns (tcsh(1), "Command substitution").
UNSAFE_IN_NOTICE = re.compile(r"['\"`!*?\[\]{}\\$~\n]")

SHELLS = ("sh", "csh", "fish")
# The dialects whose code can be in the module itself: csh has no functions, and evaluates only a single line.
IN_MODULE = ("sh", "fish")
# The name under which the user's own function is kept; csh has no functions.
OWN_FUNCTION = {"sh": "_STACKENV_{1}_FUNCTION", "csh": "none", "fish": "__stackenv_{0}_before"}
# The name of a function, and its arguments.
Call = tuple[Any, ...]


def check_notice(text: str) -> str:
    """Return the notice `text`; raise ValueError if a shell would not print it unchanged."""
    found = UNSAFE_IN_NOTICE.search(text)
    if found:
        raise ValueError(f"a notice may not hold {found.group()!r}: {text}")
    return text


def call_notices(operation: op.TerminalNotices) -> Iterator[Call]:
    user, module = check_notice(operation.pythonpath), check_notice(operation.modules_pythonpath)
    if user or module:
        yield "notice_pythonpath", user or False, module or False
    if operation.other_conda:
        yield "notice_other_conda", check_notice(operation.other_conda), f"{operation.root}/bin/conda"
    if operation.no_place:
        yield "notice_no_place", check_notice(operation.no_place)


def describe_parts(folder: PathTemplate) -> list[Any]:
    """Return the parts of `folder` in the form that the Lua function expand_path takes."""
    return [{"variable": p.name} if isinstance(p, Variable) else p.text for p in folder.parts]


def call_storage(operation: op.StoragePlaces) -> Iterator[Call]:
    def describe(place: StoragePlace) -> dict[str, Any]:
        folders = {"environments": place.environments, "packages": place.packages}
        return {"parent": describe_parts(place.parent), **folders}

    yield "storage_places", [describe(place) for place in operation.places]


def call_cache_folders(operation: op.CacheFolders) -> Iterator[Call]:
    below = operation.variables.items()
    variables = [{"name": name, "below": f"/{folder}" if folder else ""} for name, folder in below]
    places = [
        {"parent": describe_parts(place.parent), "folder": describe_parts(place.folder)}
        for place in operation.places
    ]
    if places:
        files = [describe_parts(file) for file in operation.files]
        own = {"variables": operation.yields_to, "key": operation.key, "files": files}
        yield "cache_folders", variables, own, places


def call_completions(operation: op.Completions) -> Iterator[Call]:
    files = {"bash": "bash/stackenv", "zsh": "zsh/_stackenv_completion", "fish": "fish/stackenv.fish"}
    for when in ("load", "unload"):
        code = {}
        for shell, name in files.items():
            path = f"{operation.folder}/{name}"
            values = {"FILE": path, "FOLDER": path.rpartition("/")[0]}
            code[shell] = Source(f"shell/completions_{when}.{shell}", values)
        yield "run_in_shell", when, code


def call_shell_command(operation: op.ShellCommand) -> Iterator[Call]:
    # Do not use Lmod's set_shell_function: if the user has an alias of this name, the shell would define
    # another function, or none (bash(1), "ALIASES"). The definition is in an eval, which the shell reads only
    # after the alias has been removed.
    name, values = operation.name, operation.values
    load, unload = {}, {}
    for dialect in SHELLS:
        function = f'source "{operation.csh_file}"'
        defines = name if dialect == "sh" else ""
        code = function if dialect == "csh" else Source(f"shell/{name}.{dialect}", values, defines)
        own = {
            "NAME": Name(name),
            "PRIOR": Name(f"STACKENV_{name.upper()}_BEFORE"),
            "OWN_ALIAS": Name(f"_STACKENV_{name.upper()}_ALIAS"),
            "OWN_FUNCTION": Name(OWN_FUNCTION[dialect].format(name, name.upper())),
        }
        message = check_notice(values["OWN_NAME_MESSAGE"])
        load[dialect] = Source(
            f"shell/command_load.{dialect}", {**own, "FUNCTION": code, "OWN_NAME_MESSAGE": message}
        )
        unload[dialect] = Source(f"shell/command_unload.{dialect}", own)
    yield "run_in_shell", "load", load
    yield "run_in_shell", "unload", unload
    if operation.export:
        yield "run_in_shell", "load", {"bash": Source(f"shell/{name}_export.sh")}


def call_mamba_hook(operation: op.MambaHook) -> Iterator[Call]:
    values = operation.values
    yield "run_in_shell", "load", {d: Source(f"shell/mamba_load.{d}", values) for d in SHELLS}
    code: dict[str, str | Source] = {d: Source(f"shell/mamba_unload.{d}", values) for d in IN_MODULE}
    code["csh"] = source_if_readable(operation.csh_file)
    yield "run_in_shell", "unload", code


def source_if_readable(file: str) -> str:
    """Return the line of csh that sources `file`, which may be deleted with the installation."""
    return f'if ( -r "{file}" ) source "{file}"'


def call_unload_code(operation: op.UnloadCode) -> Iterator[Call]:
    code: dict[str, str | Source] = {d: Source(f"shell/unload.{d}", operation.values) for d in ("sh", "fish")}
    code["csh"] = source_if_readable(operation.csh_file)
    yield "run_in_shell", "unload", code
    yield "unset_without_shell", "STACKENV_CONDA_BEFORE"


def call_prepend_path(operation: op.PrependPath) -> Iterator[Call]:
    words = operation.variable, operation.value
    yield "prepend_path", *words, *([{"priority": operation.priority}] if operation.priority else [])


def call_conda_environment(operation: personal.CondaEnvironment) -> Iterator[Call]:
    yield "refuse_over_active", operation.message
    yield ("hide_base",)
    for folder in (operation.shim, f"{operation.prefix}/bin"):
        yield "put_first", folder, operation.priority
    yield "activate", operation.name


def call_extend_path(operation: personal.ExtendPath) -> Iterator[Call]:
    if operation.own:
        yield "remove_entry", "unload", operation.variable, operation.value
    yield f"{'append' if operation.last else 'prepend'}_path", operation.variable, operation.value


def call_mount_image(operation: personal.MountImage) -> Iterator[Call]:
    yield "mount_image", quote_sh(operation.entrance), operation.mark


def call_shell_code(operation: personal.ShellCode) -> Iterator[Call]:
    for when in ("load", "unload"):
        code = {
            d: Source(f"shell/{when}_file.{d}", {"FILE": f"{operation.folder}/{when}.{d}"}) for d in SHELLS
        }
        if when == "unload" and operation.unload:
            code |= {d: Source(f"shell/{operation.unload}_unload.{d}", operation.values) for d in IN_MODULE}
        yield "run_in_shell", when, code


def call_require_cpu(operation: personal.RequireCpuFeatures) -> Iterator[Call]:
    if operation.features:
        yield "require_cpu_features", operation.features, operation.message


def call_extensions(operation: personal.Extensions) -> Iterator[Call]:
    if operation.packages:
        yield "extensions", ", ".join(operation.packages)


def call(function: str, *fields: str) -> Callable[[Any], Iterator[Call]]:
    """Return a renderer that calls `function` with these fields of an operation."""
    return lambda operation: iter([(function, *(getattr(operation, field) for field in fields))])


CALLS: Mapping[type, Callable[[Any], Iterable[Call]]] = {
    op.Family: call("family", "name"),
    op.SupportedShells: call("refuse_shells", "unsupported", "message"),
    op.PrependPath: call_prepend_path,
    op.SetEnv: call("setenv", "variable", "value"),
    op.SavePriorConda: call("save_prior_conda"),
    op.BasePath: call("base_path", "on_path", "priority"),
    op.DeactivateMissingConda: lambda o: [
        (
            "deactivate_missing_conda",
            o.message,
            {dialect: Source(f"shell/show_again.{dialect}") for dialect in SHELLS},
        )
    ],
    op.StoragePlaces: call_storage,
    op.ShellCommand: call_shell_command,
    op.MambaHook: call_mamba_hook,
    op.TerminalNotices: call_notices,
    op.UnloadCode: call_unload_code,
    op.RequireInstalled: call("require_installed", "path", "message"),
    op.ManPages: call("man_pages", "folder"),
    op.NotedDefault: call("set_noted", "variable", "value"),
    op.UnsetNoted: call("unset_noted"),
    op.UseFolder: lambda o: [("use_folder", describe_parts(o.folder))],
    op.CacheFolders: call_cache_folders,
    op.Completions: call_completions,
    # One line each: spider takes everything after the first colon as the value.
    personal.Whatis: lambda o: [("whatis", f"{o.key}: {' '.join(o.value.split())}")],
    personal.Extensions: call_extensions,
    personal.RequirePath: call("require_path", "path", "message"),
    personal.RequireModule: call("require_module", "name", "message"),
    personal.RequirePlatform: call("require_platform", "machine", "os", "message"),
    personal.RequireCpuFeatures: call_require_cpu,
    personal.MountImage: call_mount_image,
    personal.DependsOn: call("depends_on", "name"),
    personal.RemovePath: lambda o: [("remove_entry", "load", "PATH", o.value)],
    personal.ForgetWords: lambda o: [("forget_words", variable) for variable in o.variables],
    personal.PushEnv: lambda o: [("push_env", o.variable, False if o.value is None else o.value)],
    personal.SaveEnv: call("save_env", "source", "target"),
    personal.CondaEnvironment: call_conda_environment,
    personal.SetDefault: call("set_default", "variable", "value"),
    personal.ExtendPath: call_extend_path,
    personal.ShellCode: call_shell_code,
}


def list_calls(operations: Iterable[op.Operation]) -> list[Call]:
    """Return the Lua calls that carry out `operations`, in order."""
    return [call for operation in operations for call in CALLS[type(operation)](operation)]


def render_call(call: Call, facts: Mapping[str, str], templates: jinja2.Environment) -> str:
    """Return `call` as a line of Lua; `facts` are as in `ModuleSpec`."""
    function, *arguments = call
    named = arguments.pop() if function == "prepend_path" and isinstance(arguments[-1], dict) else {}
    words = [render_value(argument, facts, templates) for argument in arguments]
    if named:
        # Lmod takes `priority` only in a table, together with the other arguments.
        words += [f"{name} = {render_value(value, facts, templates)}" for name, value in named.items()]
        return f"{function}{{{', '.join(words)}}}"
    return f"{function}({', '.join(words)})"


def render_value(value: Any, facts: Mapping[str, str], templates: jinja2.Environment) -> str:
    """Return the Lua expression for a text, a number, a Boolean, a table or the code of a file."""
    if isinstance(value, (bool, int)):
        return str(value).lower()
    if isinstance(value, Source):
        return quote_lua(render_source(value, templates))
    if isinstance(value, Mapping):
        items = [f"{name} = {render_value(item, facts, templates)}" for name, item in value.items()]
        if any("\n" in item for item in items):
            return "".join(["{\n", *(f"    {item},\n" for item in items), "  }"])
        return f"{{ {', '.join(items)} }}"
    if not isinstance(value, str):
        return f"{{ {', '.join(render_value(item, facts, templates) for item in value)} }}"
    for name, fact in facts.items():
        if value == fact:
            return name
        if value.startswith(f"{fact}/") and fact.startswith("/"):
            return f"{name} .. {quote_lua(value[len(fact) :])}"
    return quote_lua(value)
