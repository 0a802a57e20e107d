"""What a venv's Python sets up of its modules when they are not loaded, found by loading them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from stackenv.configuration.settings import PersonalSettings
from stackenv.environments.bare_start import starts_bare
from stackenv.environments.found_libraries import needs_library_path
from stackenv.environments.launchers import find_replaceable, is_launcher, with_launchers
from stackenv.environments.other_session import contains_current_time, load_elsewhere
from stackenv.environments.own_packages import read_origin
from stackenv.environments.package_folders import LIBRARIES, list_package_folders
from stackenv.environments.platform import list_cpu_features, probe_platform, read_cpu_alias
from stackenv.environments.stack import Stack
from stackenv.errors import StackenvError, explain
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_table import read_loaded_modules
from stackenv.output import print_message
from stackenv.plain_files import open_file
from stackenv.record import Carried, Modulefile, Record
from stackenv.transactions.transaction import read_text

# Separators of the entries: ld.so(8) accepts both in LD_LIBRARY_PATH, and blanks in LD_PRELOAD.
SEPARATORS = {"PYTHONPATH": ":", "EBPYTHONPREFIXES": ":", "LD_LIBRARY_PATH": ":;", "LD_PRELOAD": ": "}
# Why the Python of an environment carries nothing; also in `stackenv info --json`.
CONDA, BY_USER, BY_SITE, NO_PTH, NO_MODULES = "conda", "user", "site", "no-pth", "no-modules"
NO_RECORD, PYTHON_NEEDS_MODULES = "no-record", "python-needs-modules"


def find_reason(record: Record) -> str:
    """Return why the Python of `record` does not carry its modules; empty if it does."""
    reasons = {
        # First the reasons that --carry does not change.
        CONDA: record.kind != "venv",
        NO_PTH: not record.layers,
        NO_MODULES: not (record.modules and record.python),
        BY_USER: record.carry_off == "user",
        BY_SITE: record.carry_off == "site",
        # An older stackenv created it, or its modules could not be loaded in a clean session.
        NO_RECORD: record.carried is None,
        PYTHON_NEEDS_MODULES: record.carried is not None and not record.carried.is_startable,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def complete_carried(record: Record, stack: Stack, lmod: Lmod, settings: PersonalSettings) -> Record:
    """Return the `record` of a venv with the settings that its Python needs if `stack` is not loaded.

    Its packages must be installed already: those that were built here may need libraries of the modules.
    """
    carry_off = choose_carry_off(record.carry_off == "user", settings)
    nothing = replace(record, carried=None, carry_off=carry_off)
    if find_reason(nothing) != NO_RECORD:
        print_needed_modules(nothing)
        return nothing
    what = "they cannot be loaded in a clean session"
    try:
        elsewhere = load_elsewhere(stack, lmod)
        what = f"it cannot be determined what {find_program(record)} needs of them"
        carried = describe_carried(record, stack, elsewhere, settings)
    except (StackenvError, OSError, subprocess.SubprocessError) as error:
        print_message(
            f"the Python of {record.full_name} finds the packages of its modules only while these are "
            f"loaded: {what}: {explain(error)}"
        )
        return nothing
    complete = replace(record, carried=carried, carry_off=carry_off)
    print_needed_modules(complete)
    return complete


def print_needed_modules(record: Record) -> None:
    """Print a message if the Python of `record` starts only while its modules are loaded."""
    if needs_modules(record):
        print_message(
            f"the Python of {record.full_name} starts only while its modules are loaded, because it "
            "needs one of their libraries or variables"
        )


def needs_modules(record: Record) -> bool:
    """Return whether the Python of `record` starts only while its modules are loaded.

    If nothing is recorded, the Python is started to find out.
    """
    reason = find_reason(record)
    if reason not in (NO_PTH, BY_USER, BY_SITE) or not (record.modules and record.python):
        return reason == PYTHON_NEEDS_MODULES
    try:
        return not starts_bare(find_program(record))
    except (OSError, subprocess.SubprocessError):
        # Its Python is gone, which is reported elsewhere, or does not answer.
        return False


def list_replaced(record: Record) -> list[str]:
    """Return the links in bin that scripts will replace, for a `record` that is not complete yet."""
    assert record.python is not None
    if find_reason(replace(record, carried=None)) != NO_RECORD:
        return []
    try:
        needed = not starts_bare(find_program(record))
    except (OSError, subprocess.SubprocessError):
        # This is reported when the record is completed.
        return []
    found = find_replaceable(record) if needed else ()
    return [name for name, _ in found if Path(record.path, "bin", name).is_symlink()]


def choose_carry_off(by_user: bool, settings: PersonalSettings) -> str:
    """Return who turned this off: `user`, which has precedence, or `site`; empty if it is on."""
    return "user" if by_user else "" if settings.carry else "site"


def renew_libraries(record: Record, stack: Stack, lmod: Lmod, settings: PersonalSettings) -> Record:
    """Return `record` with the libraries that newly installed packages in its venv need."""
    return complete_carried(record, stack, lmod, settings) if lacks_libraries(record, stack) else record


def lacks_libraries(record: Record, stack: Stack) -> bool:
    """Return whether the environment's own packages need libraries of `stack` that the record lacks."""
    if record.carried is None or record.carried.libraries or not record.python or record.packed:
        return False
    folders = [f for own in list_package_folders(Path(record.path)) for f in (own, *list_added_folders(own))]
    try:
        return needs_library_path(find_program(record), folders, list_set_entries("LD_LIBRARY_PATH", stack))
    except (OSError, subprocess.SubprocessError):
        return False


def list_set_entries(variable: str, stack: Stack) -> list[str]:
    """Return the entries of `variable` that loading `stack` has added."""
    before = split_entries(variable, stack.before.get(variable, ""))
    return [e for e in split_entries(variable, stack.environ.get(variable, "")) if e not in before]


def describe_carried(
    record: Record, stack: Stack, elsewhere: Mapping[str, str], settings: PersonalSettings
) -> Carried:
    """Return what the modules of `stack` set both here and `elsewhere`, and a single Python can use."""
    assert record.python is not None
    entries = {variable: list_common(variable, elsewhere, stack.environ) for variable in SEPARATORS}
    python_path, prefixes = entries["PYTHONPATH"], entries["EBPYTHONPREFIXES"]
    preload, library_path = entries["LD_PRELOAD"], entries["LD_LIBRARY_PATH"]
    program = find_program(record)
    folders = list_extension_folders(record, python_path, prefixes)
    # The contents of an image have not changed since this was determined before.
    in_image = record.packed and (record.carried is None or record.carried.libraries)
    needed = preload or in_image or needs_library_path(program, folders, library_path)
    names = [n for n in settings.carry_variables if is_common(elsewhere.get(n), stack.environ.get(n))]
    carried = Carried(
        modulefiles=tuple(describe_modulefile(path) for path in list_modulefiles(record, elsewhere)),
        python_path=python_path,
        prefixes=prefixes,
        libraries=library_path if needed else (),
        preload=preload,
        variables=tuple((name, elsewhere[name]) for name in names),
        cpu=probe_platform().cpu,
        cpu_features=() if settings.carry_on_any_cpu else list_cpu_features(),
        cpu_alias="" if settings.carry_on_any_cpu else read_cpu_alias(),
        starts_bare=starts_bare(program),
        sources=tuple(list_sources(python_path, stack.environ)),
    )
    return carried if carried.starts_bare else with_launchers(record, carried)


def list_sources(python_path: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Return the entries of `python_path` in no installation of EasyBuild, by the EBROOT variables."""
    roots = [value.rstrip("/") for name, value in environ.items() if name.startswith("EBROOT")]
    folders = tuple(f"{root}/" for root in filter(None, roots))
    return (entry for entry in python_path if not f"{entry}/".startswith(folders))


def find_program(record: Record) -> str:
    """Return the path of the Python that is started; in a packed environment the link is in the image."""
    assert record.python is not None
    # With `venv --copies` it is a separate program.
    own = Path(record.path, "bin/python")
    if record.packed or not own.exists() or is_launcher(own):
        return record.python.executable
    return str(own)


def is_common(one: str | None, other: str | None) -> bool:
    """Return whether a value is the same in two sessions, and does not change with time."""
    return one is not None and one == other and not contains_current_time(one)


def list_common(variable: str, first: Mapping[str, str], second: Mapping[str, str]) -> tuple[str, ...]:
    """Return the entries of `variable` in both, each once, in the order of `first`."""
    there = set(split_entries(variable, second.get(variable, "")))
    entries = dict.fromkeys(split_entries(variable, first.get(variable, "")))
    return tuple(entry for entry in entries if entry in there and not contains_current_time(entry))


def split_entries(variable: str, value: str) -> list[str]:
    """Return the entries of a `variable` that mean the same in every folder.

    An empty or relative entry means the current folder or one below it, with anybody's files. A library in
    LD_PRELOAD without a slash is looked up by its name (ld.so(8)).
    """
    entries = re.split(f"[{SEPARATORS[variable]}]", value)
    return [e for e in entries if e.startswith("/") or (variable == "LD_PRELOAD" and e and "/" not in e)]


def list_extension_folders(record: Record, python_path: Sequence[str], prefixes: Sequence[str]) -> list[Path]:
    """Return the folders in which the Python of `record` finds extension modules, each once.

    They include those that .pth files add, and the sources of editable packages.
    """
    assert record.python is not None
    base = Path(record.python.executable).parents[1]
    # On Fedora and similar systems, the system Python keeps those for its platform in lib64.
    libraries = [f"{lib}/python{record.python.minor}" for lib in LIBRARIES]
    standard = [base / library / "lib-dynload" for library in libraries]
    packages = [base / library / "site-packages" for library in libraries]
    packages += [Path(prefix, libraries[0], "site-packages") for prefix in prefixes]
    packages += map(Path, python_path)
    packages += list_package_folders(Path(record.path))
    folders = [*standard, *(added for folder in packages for added in (folder, *list_added_folders(folder)))]
    return list({os.path.realpath(folder): folder for folder in reversed(folders)}.values())[::-1]


def list_added_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders that .pth files in `folder` add to sys.path, and those of editable packages.

    This follows `addpackage` in site.py, and PEP 610.
    """
    for file in sorted(folder.glob("*.pth")):
        for line in (read_text(file) or "").splitlines():
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                yield folder / line.rstrip()
    # For many editable packages, a finder of setuptools knows the folder, not sys.path.
    for file in sorted(folder.glob("*.dist-info/direct_url.json")):
        origin = read_origin(read_text(file))
        if origin.get("dir_info", {}).get("editable"):
            yield Path(os.fsdecode(unquote_to_bytes(urlsplit(origin.get("url", "")).path)))


def list_modulefiles(record: Record, environ: Mapping[str, str]) -> Iterable[str]:
    """Return the paths of the modulefiles of the modules that the user named."""
    return [module.path for module in read_loaded_modules(environ) if module.full_name in record.modules]


def describe_modulefile(path: str) -> Modulefile:
    """Return what identifies the modulefile `path`."""
    with open_file(path) as stream:
        status = os.fstat(stream.fileno())
        digest = hashlib.sha256(stream.read()).hexdigest()
    return Modulefile(path, status.st_size, status.st_mtime_ns, digest)
