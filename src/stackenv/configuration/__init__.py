"""What the site decided: the policy file, found, read and checked.

The only place that knows YAML's keys; the rest of stackenv sees the frozen settings.
"""

from stackenv.configuration.condarc import describe_condarc
from stackenv.configuration.loader import POLICY_VARIABLE, find_policy_file, load_policy
from stackenv.configuration.path_template import Literal, PathTemplate, Variable
from stackenv.configuration.settings import (
    ChannelPolicy,
    CondaPolicy,
    JobsPolicy,
    LimitPolicy,
    PackPolicy,
    PersonalPolicy,
    ProofPolicy,
    SitePolicy,
    StoragePlace,
)

__all__ = [
    "POLICY_VARIABLE",
    "ChannelPolicy",
    "CondaPolicy",
    "JobsPolicy",
    "LimitPolicy",
    "Literal",
    "PackPolicy",
    "PathTemplate",
    "PersonalPolicy",
    "ProofPolicy",
    "SitePolicy",
    "StoragePlace",
    "Variable",
    "describe_condarc",
    "find_policy_file",
    "load_policy",
]
