"""The terms in which a modulefile is described: typed operations, in named blocks.

An operation says what the module does, never how Lua says it; `stackenv.modulefile.lua` knows that. The
operations whose outcome is decided when a user loads the module (which place is usable, whether an
environment is active) say so in their names.
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
