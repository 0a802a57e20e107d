"""The description of a modulefile: typed operations, in named blocks.

An operation says what the module does; only `stackenv.modulefile.lua` knows how to say it in Lua. Operations
whose outcome is decided when a user loads the module (which place is usable, whether an environment is
active) say so in their docstrings.
"""

from stackenv.modulefile.operations import (
    BasePath,
    CacheFolders,
    Completions,
    DeactivateMissingConda,
    Family,
    MambaHook,
    ManPages,
    NotedDefault,
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
    UnsetNoted,
    UseFolder,
)
from stackenv.modulefile.spec import SHIPPED, InstalledFile, ModuleSpec, Source

__all__ = [
    "SHIPPED",
    "BasePath",
    "CacheFolders",
    "Completions",
    "DeactivateMissingConda",
    "Family",
    "InstalledFile",
    "MambaHook",
    "ManPages",
    "ModuleSpec",
    "NotedDefault",
    "Operation",
    "PrependPath",
    "RequireInstalled",
    "SavePriorConda",
    "SetEnv",
    "ShellCommand",
    "Source",
    "StoragePlaces",
    "SupportedShells",
    "TerminalNotices",
    "UnloadCode",
    "UnsetNoted",
    "UseFolder",
]
