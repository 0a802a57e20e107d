"""The arguments of `stackenv edit`, the record that results, and the differences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.environments.carried import (
    BY_SITE,
    BY_USER,
    CONDA,
    NO_MODULES,
    NO_PTH,
    NO_RECORD,
    choose_carry_off,
    complete_carried,
    find_reason,
    print_needed_modules,
)
from stackenv.environments.conda_environment import capture_record, load_conda_stack
from stackenv.environments.context import Context
from stackenv.environments.launchers import describe_launchers, describe_replacement
from stackenv.environments.own_packages import read_own_packages
from stackenv.environments.stack import (
    Stack,
    load_named,
    load_stack,
    require_module_names,
    require_no_personal,
)
from stackenv.environments.stubs import choose_stubs_off, with_stubs
from stackenv.environments.venv import read_venv
from stackenv.errors import StackenvError, UsageError, quote_word, suggest
from stackenv.lmod.bindings import Lmod
from stackenv.output import format_count, print_message
from stackenv.record import Record

# Reasons to refuse `edit --carry`, each with a hint.
CANNOT_CARRY = {
    BY_SITE: (
        "the site configuration turns that off (personal.carry)",
        "to use its modules in a script or a job: module load {name}",
    ),
    NO_MODULES: ("it is based on no module", "to base it on modules: stackenv rebuild {name} -m MODULE"),
}


@dataclass(frozen=True)
class EditRequest:
    """The arguments of `stackenv edit`; a `description` of None keeps the present one."""

    modules: tuple[str, ...]
    allow_shadow: tuple[str, ...]
    forbid_shadow: tuple[str, ...]
    make_default: bool
    description: str | None
    refresh: bool
    see_modules: bool | None = None
    carry: bool | None = None
    stubs: bool | None = None
    mute: tuple[str, ...] = ()
    unmute: tuple[str, ...] = ()
    reason: str = ""

    @property
    def changes_environment(self) -> bool:
        chosen = any(choice is not None for choice in (self.see_modules, self.carry, self.stubs))
        return bool(self.modules or self.allow_shadow or self.forbid_shadow or chosen)

    @property
    def restacks(self) -> bool:
        """Whether the modules of a venv must be loaded for it."""
        return bool(self.modules or self.forbid_shadow or self.carry or self.stubs or self.refresh)

    @property
    def changes_record(self) -> bool:
        muting = self.mute or self.unmute
        return bool(self.changes_environment or self.description is not None or self.refresh or muting)

    def check_all(self) -> None:
        """Raise UsageError for options that cannot be used for all environments at once."""
        if self != EditRequest((), (), (), False, None, True):
            raise UsageError(
                "--all requires --refresh, and cannot be combined with other options",
                "stackenv edit --refresh --all",
            )

    def check(self) -> None:
        """Raise UsageError for options that are missing or contradict each other."""
        if not self.changes_record and not self.make_default:
            raise UsageError("no change was requested", "`stackenv edit --help` lists what can be changed")
        self._check_muting()
        both = set(map(canonicalize_name, self.allow_shadow)) & set(
            map(canonicalize_name, self.forbid_shadow)
        )
        if both:
            raise UsageError(f"{', '.join(sorted(both))} cannot be both allowed and forbidden")

    def _check_muting(self) -> None:
        """Raise UsageError for an unknown rule, a missing reason, or a reason without a rule."""
        from stackenv.health.rules import ENVIRONMENT_RULES

        for rule in (*self.mute, *self.unmute):
            if rule not in ENVIRONMENT_RULES:
                similar = suggest(rule, ENVIRONMENT_RULES)
                every = f"rules for environments: {', '.join(ENVIRONMENT_RULES)}"
                raise UsageError(
                    f"{rule} is not a rule of `stackenv check` for environments", "; ".join([*similar, every])
                )
        if bool(self.mute) != bool(self.reason.strip()):
            raise UsageError(
                "--mute and --reason require each other: in a year, somebody will want to know why",
                'stackenv edit NAME --mute shadows --reason "X needs numpy 2"',
            )


def change_muted(request: EditRequest, record: Record) -> Record:
    """Return `record` with rules muted and unmuted as `request` asks.

    Raises
    ------
    UsageError
        If a rule that is to be unmuted is not muted.
    """
    muted = {**dict(record.muted), **dict.fromkeys(request.mute, request.reason)}
    for rule in request.unmute:
        if not muted.pop(rule, ""):
            known = (
                f"muted rules: {', '.join(dict(record.muted))}" if record.muted else "there is nothing to do"
            )
            raise UsageError(f"{rule} is not muted in {record.full_name}", known)
    return replace(record, muted=tuple(muted.items()))


def change_record(request: EditRequest, record: Record, context: Context) -> Record:
    """Return `record` as changed by `request`.

    Raises
    ------
    UsageError
        If shadowing is changed for a conda environment, or forbidden for a package without permission.
    StackenvError
        If a module cannot be loaded, or provides another Python than the venv's.
    """
    if request.description is not None:
        record = replace(record, description=request.description)
    record = change_muted(request, record)
    if record.kind != "venv" and (request.allow_shadow or request.forbid_shadow):
        raise UsageError(
            f"{record.full_name} is a conda environment, in which no packages of modules are pinned"
        )
    if request.carry is not None:
        record = choose_carrying(record, request.carry, context)
    if request.stubs is not None:
        record = choose_stubs(record, request.stubs, context)
    if request.see_modules is not None:
        record = choose_modules_seen(record, request.see_modules, context)
    allowed = {canonicalize_name(name): name for name in (*record.allow_shadow, *request.allow_shadow)}
    for name in request.forbid_shadow:
        if not allowed.pop(canonicalize_name(name), ""):
            raise UsageError(
                f"{record.full_name} already keeps the modules' version of {name}", "there is nothing to do"
            )
    record = replace(record, allow_shadow=tuple(allowed.values()))
    if record.kind == "conda" and request.modules:
        return base_on(record, load_conda(request.modules, context))
    if request.modules or request.forbid_shadow or request.carry or request.stubs:
        return restack(record, request.modules or record.modules, context)
    held = tuple(entry for entry in record.pinned if canonicalize_name(entry[0]) not in allowed)
    stubs = tuple(stub for stub in record.stubs if canonicalize_name(stub.name) not in allowed)
    record = replace(record, pinned=held, stubs=stubs)
    if request.carry is False and not request.refresh:
        print_needed_modules(record)
    return record


def choose_carrying(record: Record, carry: bool, context: Context) -> Record:
    """Return the record of a venv whose Python carries its modules when they are not loaded, or does not.

    Raises
    ------
    UsageError
        For a conda environment, which has its own Python; if the site turns carrying off; if there are no
        modules to carry, or no file that could carry them.
    """
    if record.kind != "venv":
        raise UsageError(
            f"{record.full_name} is a conda environment: its Python needs no modules and carries none",
            "--carry and --no-carry are for venvs",
        )
    if carry and not record.layers:
        raise UsageError(
            f"{record.full_name} cannot carry its modules: it was adopted with --no-pth, so its Python "
            "reads no file of stackenv when it starts",
            f"adopt it again (`remove` keeps its files): stackenv remove {record.full_name}; stackenv "
            f"adopt {quote_word(record.path)} {record.name} --version {record.version}",
        )
    settings = context.configuration.personal
    if not carry:
        # This works even if its modules are gone.
        return replace(record, carried=None, carry_off=choose_carry_off(True, settings))
    wanted = replace(record, carry_off=choose_carry_off(False, settings))
    if find_reason(wanted) in CANNOT_CARRY:
        why, hint = CANNOT_CARRY[find_reason(wanted)]
        raise UsageError(
            f"{record.full_name} cannot carry its modules: {why}", hint.format(name=record.full_name)
        )
    return wanted


def choose_stubs(record: Record, stubs: bool, context: Context) -> Record:
    """Return the record of a venv that shows uv the packages of its modules, or does not.

    Raises
    ------
    UsageError
        For a conda environment, if the site or --no-pth turns it off, and if there is no module.
    """
    if record.kind != "venv":
        raise UsageError(
            f"{record.full_name} is a conda environment: modules provide no packages to it",
            "--stubs and --no-stubs are for venvs",
        )
    if stubs and not record.layers:
        raise UsageError(
            f"{record.full_name} cannot show uv the packages of its modules: it was adopted with "
            "--no-pth, so stackenv has no files among its packages",
            f"adopt it again (`remove` keeps its files): stackenv remove {record.full_name}; stackenv "
            f"adopt {quote_word(record.path)} {record.name} --version {record.version}",
        )
    if stubs and not record.modules:
        raise UsageError(
            f"{record.full_name} cannot show uv the packages of its modules: it is based on no module",
            f"to base it on modules: stackenv rebuild {record.full_name} -m MODULE",
        )
    settings = context.configuration.personal
    if stubs and not settings.stubs:
        raise UsageError(
            f"{record.full_name} cannot show uv the packages of its modules: the site configuration "
            "turns that off (personal.stubs)",
            "pip sees them all the same: pip install PACKAGE",
        )
    return replace(
        record, stubs=record.stubs if stubs else (), stubs_off=choose_stubs_off(not stubs, settings)
    )


def choose_modules_seen(record: Record, seen: bool, context: Context) -> Record:
    """Return the record of a conda environment whose Python imports packages of modules, or does not.

    Raises
    ------
    UsageError
        For a venv, which is always based on its modules.
    """
    if record.kind != "conda":
        raise UsageError(
            f"{record.full_name} is a venv and always imports from its modules, after its own packages",
            "--see-modules and --hide-modules are for conda environments",
        )
    conda = context.configuration.conda
    by_site = "" if conda.hide_modules else "site"
    return replace(record, sees_modules="user" if seen else by_site, module_roots=conda.module_roots)


def refresh_record(record: Record, context: Context, dry_run: bool) -> Record:
    """Return `record` with the present contents of its modules, or its present conda activation."""
    if record.packed:
        return refresh_packed(record, context)
    if record.kind == "venv":
        return restack(record, record.modules, context)
    if dry_run:
        print_message(f"{record.full_name}: a dry run does not capture its activation")
        return record
    seen = choose_modules_seen(record, record.sees_modules == "user", context)
    return capture_record(seen, context)


def refresh_packed(record: Record, context: Context) -> Record:
    """Return the packed `record` with updated data on the modules that its Python carries.

    Only this data is read from the files beside the image. Everything else is in the image: the setting that
    nothing is carried, a script that starts the Python and, if the image is mounted in a namespace, the whole
    record, because the mount hides the files beside the image.
    """
    settings, reason = context.configuration.personal, find_reason(record)
    # In an image of an older stackenv, nothing reads the files beside the image.
    is_old = reason == NO_RECORD
    if reason in (CONDA, NO_PTH, NO_MODULES, BY_USER) or (is_old and not settings.carry):
        return record
    require_module_names(record.modules, f"module spider {record.modules[0]}")
    lmod = Lmod.find(context.environ)
    stack = require_no_personal(load_stack(lmod, record.modules))
    found = stack.python.real if stack.python else ""
    if record.python and record.python.module and found != record.python.real:
        raise StackenvError(
            f"{record.full_name} is based on {record.python.executable}, but its modules provide "
            f"{found or 'no Python'}; nothing was changed",
            f"unpack and rebuild it: stackenv unpack {record.full_name}; stackenv rebuild {record.full_name}",
        )
    now = {canonicalize_name(package.name): package.version for package in stack.packages}
    if any(now.get(canonicalize_name(stub.name)) != stub.version for stub in record.stubs):
        print_old_modules_in_image(record, "shows uv the packages of its modules")
    after = complete_carried(base_on(record, stack), stack, lmod, settings)
    is_hidden = is_old or (record.packed is not None and record.packed.way == "namespace")
    if after == record or not (is_hidden or describe_launchers(after) != describe_launchers(record)):
        return after
    print_old_modules_in_image(record, "carries its modules")
    return record


def print_old_modules_in_image(record: Record, does: str) -> None:
    """Print what the packed `record` still `does` with its old modules, and how to update that."""
    steps = (f"stackenv {step}" for step in ("unpack {0}", "edit {0} --refresh", "pack {0}"))
    print_message(
        f"{record.full_name} {does} as they were when it was packed; to update that: "
        + "; ".join(steps).format(record.full_name)
    )


def base_on(record: Record, stack: Stack) -> Record:
    """Return `record`, based on the modules of `stack`."""
    return replace(record, modules=stack.modules, stack=stack.loaded, modulepath=stack.modulepath)


def load_conda(modules: tuple[str, ...], context: Context) -> Stack:
    """Return the stack of `modules` and conda's module."""
    return load_conda_stack(modules, context, Lmod.find(context.environ))


def restack(record: Record, modules: tuple[str, ...], context: Context) -> Record:
    """Return the record of the venv on `modules`, which are loaded for that.

    They are looked for only in the user's own MODULEPATH: in a project, others may have written that of the
    record, and loading a module runs its code.
    """
    require_module_names(modules, f"stackenv edit {record.full_name} --module NAME/VERSION")
    lmod = Lmod.find(context.environ)
    stack = load_named(lmod, modules)
    require_same_python(record, stack)
    python = record.python
    if python and stack.python:
        python = replace(python, module=stack.python.module, version=stack.python.version)
    sees_base = read_venv(Path(record.path)).sees_base_packages
    pinned = stack.pinned(record.allow_shadow, sees_base)
    settings = context.configuration.personal
    based = with_stubs(base_on(replace(record, python=python, pinned=pinned), stack), stack, settings)
    return complete_carried(based, stack, lmod, settings)


def require_same_python(record: Record, stack: Stack) -> None:
    """Raise StackenvError if the venv of `record` cannot be based on `stack`."""
    assert record.python is not None
    executable = read_venv(Path(record.path)).executable
    if stack.python is None and not record.python.module:
        return
    if stack.python and stack.python.real == executable:
        return
    brought = (
        f"provide Python {stack.python.version} ({stack.python.executable}"
        + (f", from {stack.python.module})" if stack.python.module else ")")
        if stack.python
        else "provide no Python"
    )
    own = f"Python {record.python.version} ({executable}"
    own += f", from {record.python.module})" if record.python.module else ")"
    raise StackenvError(
        f"{record.full_name} is a venv with {own}, but the modules "
        f"{', '.join(stack.modules) or '(none)'} {brought}; a venv cannot change its Python; nothing "
        "was changed",
        f"to rebuild it on these modules: stackenv rebuild {record.full_name} "
        f"{' '.join(f'-m {m}' for m in stack.modules) or '-m MODULE'}",
    )


def describe_differences(before: Record, after: Record) -> list[str]:
    """Return a sentence for each difference between `before` and `after`."""
    sentences = []
    if before.modules != after.modules:
        old, new = (", ".join(record.modules) or "no module" for record in (before, after))
        sentences.append(f"base it on {new} instead of {old}")
    if before.description != after.description:
        sentences.append(f"set the description: {after.description}")
    reasons = dict(before.muted)
    sentences += [
        f"mute {rule}: {reason}" for rule, reason in after.muted if reasons.pop(rule, None) != reason
    ]
    sentences += [f"unmute {rule}" for rule in reasons if rule not in dict(after.muted)]
    by_site = after.carry_off == "site"
    why = ", because the site configuration turns that off (personal.carry)" if by_site else ""
    if bool(before.carried) != bool(after.carried):
        sentences.append("carry its modules" if after.carried else f"stop carrying its modules{why}")
    elif before.carried != after.carried:
        sentences.append("update what it carries of its modules")
    elif before.carry_off != after.carry_off:
        sentences.append(f"carry no modules{why}")
    sentences += describe_launcher_changes(before, after)
    sentences += describe_shown_changes(before, after)
    if before.sees_modules != after.sees_modules:
        sentences.append(
            "import from loaded modules" if after.sees_modules else "hide loaded modules' packages"
        )
    held = {name: (version, module) for name, version, module in before.pinned}
    for name, version, module in after.pinned:
        if name not in held:
            sentences.append(f"pin {name} {version} of {module}")
        elif held[name][0] != version:
            sentences.append(f"pin {name} {version} of {module} instead of {held[name][0]}")
    now = {name for name, _, _ in after.pinned}
    sentences += [f"unpin {name} {version}" for name, version, _ in before.pinned if name not in now]
    return sentences


def describe_shown_changes(before: Record, after: Record) -> list[str]:
    """Return a sentence about the packages that uv will see, if these change; none after --no-pth."""
    if not after.layers or (before.stubs, before.stubs_off) == (after.stubs, after.stubs_off):
        return []
    own = {canonicalize_name(package.name) for package in read_own_packages(after)}
    shown = [stub for stub in after.stubs if canonicalize_name(stub.name) not in own]
    return [f"show uv {format_count(len(shown), 'package') if shown else 'no package'} of the modules"]


def describe_launcher_changes(before: Record, after: Record) -> list[str]:
    """Return sentences about links in bin that are replaced by scripts, and about links that come back."""
    old, new = (dict(record.carried.launchers) if record.carried else {} for record in (before, after))
    added, removed = [name for name in new if name not in old], [name for name in old if name not in new]
    sentences = [describe_replacement(added)] if added else []
    return sentences + [f"restore the link bin/{name} to {old[name]}" for name in removed]
