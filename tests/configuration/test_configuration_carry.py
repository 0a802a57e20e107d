"""The keys `personal.carry*`: whether an environment's Python carries its modules, and which variables."""

from __future__ import annotations

import pytest

from stackenv.configuration.loader import load_configuration

KEYS = "modules, use, environments, carry, carry_variables, carry_on_any_cpu, stubs, stubs_leave_out"


@pytest.fixture
def load_personal(configuration_path):
    def load(text):
        configuration_path.write_text(f"version: 1\npersonal:\n  {text}\n")
        return load_configuration(configuration_path).personal

    return load


def test_the_default_carries_no_variables_and_only_on_the_same_cpu(load_personal):
    found = load_personal("# nothing")
    assert (found.carry, found.carry_variables, found.carry_on_any_cpu) == (True, (), False)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("carry: no", "carry", False),
        ("carry_on_any_cpu: true", "carry_on_any_cpu", True),
        ("carry_variables: [PROJ_DATA, GDAL_DATA]", "carry_variables", ("PROJ_DATA", "GDAL_DATA")),
        # Names that only resemble forbidden ones are allowed.
        ("carry_variables: [PATHS, MY_PYTHONPATH]", "carry_variables", ("PATHS", "MY_PYTHONPATH")),
    ],
)
def test_a_site_can_set_each_key(load_personal, line, field, value):
    assert getattr(load_personal(line), field) == value


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("carry: maybe", "3: personal.carry: found the text 'maybe'; allowed: true or false"),
        (
            "carry_on_any_cpu: zen2",
            "3: personal.carry_on_any_cpu: found the text 'zen2'; allowed: true or false",
        ),
        ("carry_variables: PROJ_DATA", "3: personal.carry_variables: found the text 'PROJ_DATA'; allowed: "),
        ("carry_variables: [PROJ-DATA]", "3: personal.carry_variables[0]: found the text 'PROJ-DATA'; "),
        ("carry_variables: [5]", "3: personal.carry_variables[0]: found the number 5; "),
        (
            "carry_variables: [PROJ_DATA, GDAL_DATA, PROJ_DATA]",
            "3: personal.carry_variables[2]: 'PROJ_DATA' is given twice; allowed: once",
        ),
        ("carries: true", f'3: personal.carries: unknown key; allowed: {KEYS}; did you mean "carry"?'),
        ("carry_variable: []", f"3: personal.carry_variable: unknown key; allowed: {KEYS}; did you mean "),
        ("carry_any_cpu: true", f"3: personal.carry_any_cpu: unknown key; allowed: {KEYS}; did you mean "),
    ],
)
def test_an_invalid_setting_is_an_error_with_its_line(faults, line, fault):
    (found,) = faults(f"personal:\n  {line}\n")
    assert found.startswith(fault)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "PYTHONPATH", "PYTHONHOME", "EBPYTHONPREFIXES", "LOADEDMODULES", "MODULEPATH", "_LMFILES_"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "LMOD_CMD", "_ModuleTable001_", "__LMOD_REF_COUNT_PATH"),
        *("STACKENV_CARRY", "BASH_ENV", "ENV", "HOME", "SHELL", "USER", "LOGNAME", "IFS", "GCONV_PATH"),
        *("PYTHONSTARTUP", "PYTHONWARNINGS", "BASH_FUNC_ls"),
        *("SHLVL", "_", "PWD", "OLDPWD", "TMPDIR", "FPATH", "MANPATH", "MODULESHOME"),
    ],
)
def test_a_variable_that_would_mix_generations_cannot_be_carried(faults, name):
    (found,) = faults(f"personal:\n  carry_variables: [PROJ_DATA, {name}]\n")
    assert found.startswith(f"3: personal.carry_variables[1]: '{name}' cannot be carried")
