"""What the site decided: the site configuration, found, read and checked.

The only place that knows YAML's keys; the rest of stackenv sees the frozen settings.
"""

from stackenv.configuration.condarc import describe_condarc
from stackenv.configuration.loader import CONFIGURATION_VARIABLE, find_configuration_file, load_configuration
from stackenv.configuration.path_template import Literal, PathTemplate, Variable
from stackenv.configuration.settings import (
    ChannelSettings,
    CondaSettings,
    JobSettings,
    LimitSettings,
    LoadTestSettings,
    PackSettings,
    PersonalSettings,
    SiteConfiguration,
    StoragePlace,
)

__all__ = [
    "CONFIGURATION_VARIABLE",
    "ChannelSettings",
    "CondaSettings",
    "JobSettings",
    "LimitSettings",
    "Literal",
    "LoadTestSettings",
    "PackSettings",
    "PathTemplate",
    "PersonalSettings",
    "SiteConfiguration",
    "StoragePlace",
    "Variable",
    "describe_condarc",
    "find_configuration_file",
    "load_configuration",
]
