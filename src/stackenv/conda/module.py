"""The module of a conda installation: what its modulefile does, and the files that it needs."""

from __future__ import annotations

from collections.abc import Mapping

from stackenv import STACKENV_UUID
from stackenv.conda.installation import CondaInstallation
from stackenv.conda.python_files import NOT_GUARDED, describe_hiding
from stackenv.configuration.condarc import describe_condarc
from stackenv.configuration.settings import CondaSettings
from stackenv.modulefile import (
    BasePath,
    DeactivateMissingConda,
    Family,
    InstalledFile,
    MambaHook,
    ModuleSpec,
    Operation,
    PrependPath,
    RequireInstalled,
    SavePriorConda,
    SetEnv,
    ShellCommand,
    StoragePlaces,
    SupportedShells,
    TerminalNotices,
    UnloadCode,
)
from stackenv.modulefile.operations import ENVIRONMENT_PRIORITY

LIBEXEC = "libexec/stackenv"
# Relative to that folder: the program, and the files that csh sources.
MAMBA_FILES = ("condabin/mamba", "mamba.csh", "mamba_unload.csh")

NO_FUNCTION = "this shell has no function `{command}`; hint: add `module load {module}` to this script"
INIT_REFUSED = (
    "`{init}` is not needed here and would change your start-up files for every login and job; "
    "`module load {module}` provides `{command}` and `{command} activate` in every shell and script"
)
NOTICE_PYTHONPATH = (
    "{name}: PYTHONPATH is set (%s) and takes precedence over the packages of conda environments; if an "
    "import fails, unload that module or unset PYTHONPATH"
)
NOTICE_MODULES_HIDDEN = (
    "{name}: PYTHONPATH is set (%s); the Python of base imports those packages, activated environments do not"
)
NOTICE_OTHER_CONDA = (
    "{name}: %s, an environment of another conda, is active in this shell, perhaps because of a conda init "
    "block in a start-up file; python belongs to it until you run: conda deactivate"
)
NOTICE_NO_PLACE = (
    "{name}: none of the folders of this site for conda environments is available; new environments go "
    "into the folder .conda in your home directory, the default of conda"
)
ROOT_GONE = (
    "{root} no longer exists, so its environments were deactivated without running their scripts; start a "
    "new shell"
)
OWN_NAME = (
    "{name}: until you unload this module, {command} is the command of the module, not your own alias or "
    "function"
)
MAMBA_GONE = "{root}/bin/mamba can no longer be run; use conda instead, and tell your site's support"
INCOMPLETE = (
    "{module} cannot be loaded on this node: its file {path} is missing. Please tell your site's support. "
    "For them: if each CPU type has its own software tree, each must be completed on a node that has it, by "
    "the EasyBuild hooks (--module-only --force) or by `stackenv site install`"
)
HELP = """\
{module} provides the command `conda` in shells, scripts and jobs, without `conda init`.

    conda create --name myenv python       create an environment
    conda activate myenv                   use it, here or in a job script
    conda deactivate                       leave it

In a job script: `module load {module}`, then `conda activate myenv`.
Unloading the module deactivates all environments and restores your shell.
"""
FROZEN = (
    " is frozen (conda-meta/frozen) and was not changed; hint: create an environment of your own: mamba "
    "create --name NAME"
)
NOT_ASKED = "mamba was not run: conda cannot find the environment; fix the error above and try again"
HELP_MAMBA = (
    "`mamba` is available too: `mamba create`, `mamba activate` and `mamba deactivate` need no set-up.\n"
)


def describe_values(installation: CondaInstallation, settings: CondaSettings) -> dict[str, str]:
    """Return the unquoted values of the placeholders in the shell files."""
    root, module = installation.root, installation.module
    options = [
        *(["base"] if settings.base_on_path else []),
        *(["hide"] if settings.user_site == "hide" else []),
        *(["hide-modules"] if settings.hide_modules else []),
    ]
    return {
        "ROOT": root,
        "PYTHON": f"{root}/bin/python",
        "CONDA": f"{root}/bin/conda",
        "CONDA_INIT": f"{root}/{LIBEXEC}/conda-init",
        "CONDA_RUN": f"{root}/{LIBEXEC}/condabin/conda",
        "BASE_BIN": f"{root}/bin",
        "ACTIVATION": f"{root}/{LIBEXEC}/activation.py",
        # -S leaves out the packages that `site` finds, conda included; activation.py adds them if it has to
        # ask conda.
        "FLAGS": "-ISB" if settings.native_activation else "-I",
        "PIP_GUARD": f"{root}/{LIBEXEC}/stackenv_pip_guard.py",
        "OPTIONS": ",".join(options) or "none",
        "COMMAND": "conda",
        "PLAIN_PREFIX": ".",
        "NO_FUNCTION": NO_FUNCTION.format(command="conda", module=module),
        "OWN_NAME_MESSAGE": OWN_NAME.format(name=installation.name, command="conda"),
        "INIT_POLICY": settings.init,
        "INIT_MESSAGE": INIT_REFUSED.format(command="conda", init="conda init", module=module),
        # A process without the function cannot know that none of conda's own set-up is needed.
        "INIT_REFUSAL": NO_FUNCTION.format(command="conda", module=module),
    }


def describe_mamba_values(installation: CondaInstallation, settings: CondaSettings) -> dict[str, str]:
    """Return the unquoted values of the placeholders in the files of the command `mamba`."""
    values, root, module = describe_values(installation, settings), installation.root, installation.module
    init = INIT_REFUSED.format(command="mamba", init="mamba shell init", module=module)
    return values | {
        "COMMAND": "mamba",
        "RUN": f"{root}/{LIBEXEC}/condabin/mamba",
        "MAMBA": f"{root}/bin/mamba",
        # mamba takes a path without a slash for a name (target_prefix_hook in libmamba's configuration.cpp).
        "PLAIN_PREFIX": f"{root}/envs",
        "NOT_ASKED": NOT_ASKED,
        "MAMBA_GONE": MAMBA_GONE.format(root=root),
        "FROZEN": FROZEN,
        # The `activate` of mamba takes other options than conda's.
        "OPTIONS": f"{values['OPTIONS']},mamba",
        "NO_FUNCTION": NO_FUNCTION.format(command="mamba", module=module),
        "OWN_NAME_MESSAGE": OWN_NAME.format(name=installation.name, command="mamba"),
        "INIT_MESSAGE": init,
        "INIT_REFUSAL": init,
    }


def describe_commands(installation: CondaInstallation, settings: CondaSettings) -> tuple[Operation, ...]:
    """Return the operations that define the command `conda`, and `mamba` if its version is known."""
    folder, export = f"{installation.root}/{LIBEXEC}", settings.export_function
    conda = ShellCommand("conda", describe_values(installation, settings), f"{folder}/conda.csh", export)
    if not installation.mamba:
        return (conda,)
    values = describe_mamba_values(installation, settings)
    return (
        conda,
        MambaHook(values, f"{folder}/mamba_unload.csh"),
        ShellCommand("mamba", values, f"{folder}/mamba.csh", export),
    )


def describe_notices(installation: CondaInstallation, settings: CondaSettings) -> TerminalNotices:
    """Return the notices that a load prints on a terminal."""
    own, brought = NOTICE_PYTHONPATH, NOTICE_MODULES_HIDDEN if settings.hide_modules else NOTICE_PYTHONPATH
    of_pythonpath = (own, brought) if settings.pythonpath_notice else ("", "")
    texts = (*of_pythonpath, NOTICE_OTHER_CONDA, NOTICE_NO_PLACE if settings.storage else "")
    return TerminalNotices(installation.root, *(text.format(name=installation.name) for text in texts))


def describe_conda_module(installation: CondaInstallation, settings: CondaSettings) -> ModuleSpec:
    """Return the description of the modulefile of `installation` under `settings`."""
    root, name = installation.root, installation.name
    values = describe_values(installation, settings)
    # The last one is first on PATH: our `conda`, the vendor's condabin (conda adds it if it is missing, and
    # never removes it), the base, and after them our `pip`.
    path = (f"{LIBEXEC}/pip", "bin", "condabin", f"{LIBEXEC}/condabin")
    complete = values["ACTIVATION"]
    return ModuleSpec(
        template="conda.lua.j2",
        facts={"root": root},
        help_text=HELP.format(module=installation.module) + (HELP_MAMBA if installation.mamba else ""),
        blocks={
            "family": (
                RequireInstalled(complete, INCOMPLETE.format(module=installation.module, path=complete)),
                Family("conda"),
                SupportedShells(("bare", "rc"), f"{name} has no `conda` for this shell"),
            ),
            "before": (SavePriorConda(),),
            "path": (
                *(PrependPath("PATH", f"{root}/{folder}") for folder in path),
                BasePath(settings.base_on_path, ENVIRONMENT_PRIORITY),
            ),
            "storage": (StoragePlaces(settings.storage),),
            "environment": (
                SetEnv("STACKENV_CONDA_ROOT", root),
                SetEnv("CONDA_EXE", values["CONDA"]),
                SetEnv("CONDA_PYTHON_EXE", values["PYTHON"]),
            ),
            "commands": describe_commands(installation, settings),
            "notices": (describe_notices(installation, settings),),
            "unload": (
                DeactivateMissingConda(ROOT_GONE.format(root=root)),
                UnloadCode(values, f"{root}/{LIBEXEC}/unload.csh"),
            ),
        },
    )


def describe_mamba_files(folder: str, values: Mapping[str, str]) -> tuple[InstalledFile, ...]:
    """Return the files of the command `mamba`, which are in stackenv's `folder` in the installation."""
    program, *of_csh = (f"{folder}/{name}" for name in MAMBA_FILES)
    sources = (f"shell/{path.rpartition('/')[2]}" for path in of_csh)
    return (
        InstalledFile(program, "libexec/mamba", values=values, executable=True),
        *(InstalledFile(p, s, dialect="csh", values=values) for p, s in zip(of_csh, sources)),
    )


def describe_installed_files(
    installation: CondaInstallation, settings: CondaSettings
) -> tuple[InstalledFile, ...]:
    """Return the files that the module needs inside the installation: commands, condarc."""
    here = f"{installation.root}/{LIBEXEC}"
    values = describe_values(installation, settings)
    programs = {
        f"{here}/condabin/conda": "libexec/conda",
        f"{here}/conda-init": "libexec/conda-init",
        f"{here}/pip/pip": "libexec/pip",
        f"{here}/pip/pip3": "libexec/pip",
    }
    return (
        *(InstalledFile(p, s, values=values, executable=True) for p, s in programs.items()),
        *(
            describe_mamba_files(here, describe_mamba_values(installation, settings))
            * bool(installation.mamba)
        ),
        InstalledFile(f"{here}/conda.csh", "shell/conda.csh", dialect="csh", values=values),
        InstalledFile(f"{here}/unload.csh", "shell/unload.csh", dialect="csh", values=values),
        InstalledFile(f"{here}/stackenv_activation_code.py", "libexec/activation_code.py"),
        InstalledFile(f"{here}/stackenv_condarc.py", "libexec/condarc.py"),
        InstalledFile(f"{here}/stackenv_dialect.py", "libexec/stackenv_dialect.py"),
        InstalledFile(f"{here}/stackenv_native_activation.py", "libexec/native_activation.py"),
        InstalledFile(f"{here}/stackenv_pip_guard.py", "libexec/pip_guard.py"),
        InstalledFile(f"{here}/stackenv_put_aside.py", "libexec/put_aside.py"),
        InstalledFile(
            f"{here}/stackenv_hide_modules.py",
            "libexec/hide_modules.py",
            dialect="python",
            values=describe_hiding(settings.module_roots, settings.hide_modules),
        ),
        # It comes last because it imports the files above and may be started while they are being written.
        InstalledFile(f"{here}/activation.py", "libexec/activation.py"),
        InstalledFile(f"{installation.root}/pip.conf", text=NOT_GUARDED, yields=True),
        InstalledFile(
            f"{installation.root}/condarc.d/stackenv.yml",
            text=f"# {STACKENV_UUID}\n{describe_condarc(settings)}",
        ),
    )
