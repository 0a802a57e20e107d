"""The tables of rules contain each rule function under its name."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

from stackenv.health import rules
from stackenv.health.rules import ACCOUNT_RULES, ENVIRONMENT_RULES
from stackenv.health.rules.python import OF_PYTHON

pytestmark = pytest.mark.quick

TABLES = {"CheckedEnvironment": ENVIRONMENT_RULES, "Account": ACCOUNT_RULES}


@pytest.mark.parametrize("subject", TABLES)
def test_each_rule_function_is_in_its_table_under_its_name(subject: str) -> None:
    found = {}
    for module in (import_module(f"{rules.__name__}.{m.name}") for m in pkgutil.iter_modules(rules.__path__)):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            takes = [p.annotation for p in inspect.signature(function).parameters.values()]
            own = function.__module__ == module.__name__ and name.startswith("find_")
            if own and takes == [subject]:
                found[name[len("find_") :].replace("_", "-")] = function
    assert found == TABLES[subject]


def test_the_rules_hidden_by_python_findings_are_in_the_table() -> None:
    assert set(OF_PYTHON) < set(ENVIRONMENT_RULES)
