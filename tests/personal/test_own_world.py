"""While a conda environment is active, it does not see the packages of the loaded modules.

Two environments have a numpy of their own: `real`, which has a personal module, and `plain`, which has none.
The modules provide another numpy, on PYTHONPATH or by EBPYTHONPREFIXES, which would take precedence.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from answers import read_result
from built import CHANNEL, SITE_CONFIGURATION, BuiltModules
from condas import CONDA
from environments import make_environment
from session import Result, Session
from shell_sessions import Dialect, changed, open_session, which
from stacked import open_stack
from users import User, make_once, make_user

pytestmark = pytest.mark.both_activations

NUMPY = "python -c 'import numpy; print(numpy.OF)'"
MINE = "python -c 'import mine'"
BOOKS = [f"__LMOD_REF_COUNT_{name}" for name in ("PYTHONPATH", "EBPYTHONPREFIXES")]


@pytest.fixture(scope="module", params=["eb5-pythonpath", "eb4-prefixes"])
def owner(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules
) -> User:
    """Return a user with the conda environments `real` and `plain`, on a stack of either kind."""
    stack = open_stack(request.param)
    factory = tmp_path_factory

    def place(folder: Path) -> User:
        user = make_user(folder, stack)
        (folder / "site.yaml").write_text(SITE_CONFIGURATION)
        user.environ.update(
            MODULEPATH=f"{built_modules.modulepath}:{stack.modulepath}",
            STACKENV_SITE_CONFIG=str(folder / "site.yaml"),
        )
        return user

    def make(folder: Path) -> None:
        user = place(folder)
        made = user.run(
            f"module load {CONDA}; for e in real plain; do conda create -q -y -n $e python || exit; done"
        )
        assert made.returncode == 0, made.stderr
        for name in ("real", "plain"):
            numpy = next((user.home / "conda/envs" / name / "lib").glob("python3*/site-packages")) / "numpy"
            numpy.mkdir()
            (numpy / "__init__.py").write_text(f"OF = {name!r}\n")
        adopted = user.stackenv("adopt", "real")
        assert adopted.returncode == 0, adopted.stderr
        (user.home / "src").mkdir()
        (user.home / "src/mine.py").write_text("")

    return place(make_once(factory, f"world-{request.param}", make))


@pytest.fixture
def session(dialect: Dialect, tmp_path: Path, owner: User) -> Session:
    return begin(dialect, tmp_path, owner)


def begin(dialect: Dialect, folder: Path, owner: User) -> Session:
    """Return a session of a user who has a source folder on PYTHONPATH."""
    return open_session(
        *(dialect, folder, owner.environ, str(owner.modules), *owner.environ["MODULEPATH"].split(":")),
        PYTHONPATH=f"{owner.home}/src",
    )


ORDERS = {
    "stack, module": ("real", ["module load {bundle}", "module load real"]),
    "module, stack": ("real", ["module load real", "module load {bundle}"]),
    "stack, activate": ("plain", [f"module load {{bundle}} {CONDA}", "conda activate plain"]),
    "stack, activate one with a module": ("real", [f"module load {{bundle}} {CONDA}", "conda activate real"]),
    "activate one with a module, stack": (
        "real",
        [f"module load {CONDA}", "conda activate real", "module load {bundle}"],
    ),
    "stacked": ("plain", ["module load {bundle} real", "conda activate --stack plain"]),
    "stacked, another module": (
        "plain",
        ["module load real", "conda activate --stack plain", "module load {other}"],
    ),
    "on top, back": ("real", ["module load {bundle} real", "conda activate plain", "conda deactivate"]),
}


@pytest.mark.some_shells
@pytest.mark.each_value("order", "owner", "dialect")
@pytest.mark.parametrize("order", ORDERS)
def test_the_environments_own_numpy_is_imported_in_every_order_of_loading(
    session: Session, owner: User, order: str
) -> None:
    name, commands = ORDERS[order]
    words = {"bundle": owner.stack.bundle_module, "other": owner.stack.other_module}
    result = (
        session.snapshot("before")
        .check(*(command.format(**words) for command in commands))
        .do("python -c 'import sys; print(sys.prefix)'", NUMPY, MINE)
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert result.stdout == f"{owner.home}/conda/envs/{name}\n{name}\n"
    assert changed(result, "before", "after") == {}


def show_end(session: Session, owner: User, *commands: str) -> tuple[Result, list[str]]:
    """Return the result of `commands`, and Lmod's reference counts after them."""
    words = {"bundle": owner.stack.bundle_module, "next": owner.stack.next_bundle_module}
    session.check(*(command.format(**words) for command in commands)).snapshot("end")
    result = session.do(*(f"printenv {name}" for name in BOOKS)).run()
    assert set(result.statuses) == {0}, result.stderr
    return result, result.stdout.splitlines()


MEANWHILE = {
    "nothing": [],
    "unload": ["module unload {bundle}"],
    "swap": ["module swap {bundle} {next}"],
    "reload": ["module load {bundle}"],
    "purge": ["module purge"],
}


@pytest.mark.some_shells
@pytest.mark.each_value("meanwhile", "owner")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_variables_after_leaving_are_those_of_lmod_alone(
    dialect: Dialect, tmp_path: Path, owner: User, meanwhile: str
) -> None:
    """Compared with a shell that loads and unloads the same modules without an environment."""
    first, last = [f"module load {{bundle}} {CONDA}"], ["module unload Anaconda3"]
    ends = []
    for number, around in enumerate((["conda activate plain"], [])):
        (tmp_path / str(number)).mkdir()
        leave = ["conda deactivate"] if around and meanwhile != "purge" else []
        commands = [*first, *around, *MEANWHILE[meanwhile], *leave, *last]
        ends.append(show_end(begin(dialect, tmp_path / str(number), owner), owner, *commands))
    (one, books), (other, wanted) = ends
    variables = [{**result.snapshots["end"].environment, "PATH": ""} for result in (one, other)]
    assert variables[0] == variables[1]
    assert books == wanted


def write_modules(owner: User) -> str:
    """Write small modules and return their folder; One and Two add the same entry, Spack has no EBROOT."""
    tree = owner.home / "small"
    texts = {
        "One": 'setenv("EBROOTONE", "/opt/both")\nprepend_path("PYTHONPATH", "/opt/both/lib")\n',
        "Two": 'setenv("EBROOTTWO", "/opt/both")\nprepend_path("PYTHONPATH", "/opt/both/lib")\n',
        "Other": 'setenv("EBROOTOTHER", "/opt/other")\nprepend_path("PYTHONPATH", "/opt/other/lib")\n',
        "Spack": 'prepend_path("PYTHONPATH", "/spack/opt/numpy-1-abc/lib")\n',
    }
    for name, text in texts.items():
        (tree / name).mkdir(parents=True, exist_ok=True)
        (tree / name / "1.lua").write_text(text)
    return str(tree)


# Commands after which PYTHONPATH must be what the `module` commands alone would have made of it.
SEQUENCES = {
    "both are left": "load One Two {0}; conda activate plain; conda deactivate",
    "one of two is unloaded": "load One Two {0}; conda activate plain; unload One; conda deactivate",
    "then the other": "load One Two {0}; conda activate plain; unload One; conda deactivate; unload Two",
    "one is loaded again": "load One Other {0}; conda activate plain; load One; conda deactivate",
    "one comes in between": "load One {0}; conda activate plain; load Other; conda deactivate",
    "another is activated": "load One {0}; conda activate plain; load Other; conda activate real; "
    "conda deactivate; conda deactivate; unload One",
}


@pytest.mark.any_value("owner")
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_pythonpath_and_lmods_reference_counts_are_those_of_lmod_alone(owner: User, sequence: str) -> None:
    paths = f"export MODULEPATH={write_modules(owner)}:$MODULEPATH; "
    show = '; echo "${PYTHONPATH-unset}"; echo "${__LMOD_REF_COUNT_PYTHONPATH-unset}"'
    typed = SEQUENCES[sequence].format(CONDA).split("; ")
    every = [command if command.startswith("conda ") else f"module {command}" for command in typed]
    commands, alone = "; ".join(every), "; ".join(c for c in every if not c.startswith("conda "))
    ours, wanted = (owner.run(paths + words + show) for words in (commands, alone))
    assert (ours.stdout, ours.stderr.count("\n")) == (wanted.stdout, ours.stderr.count("stackenv: "))
    assert wanted.stdout


@pytest.mark.any_value("owner")
@pytest.mark.parametrize(
    "leave", ["module purge", "module unload Spack; conda deactivate", "conda deactivate"]
)
def test_modules_below_a_folder_named_by_the_site_are_hidden_too(owner: User, leave: str) -> None:
    """Modules of Spack set no EBROOT, and their folders have other names than the modules."""
    aside = Path(owner.environ["MODULEPATH"].split(":")[0]).parents[1]
    (program,) = aside.glob(f"software/{CONDA}/libexec/stackenv/stackenv_hide_modules.py")
    site = owner.home / "site-libexec"
    shutil.copytree(program.parent, site, dirs_exist_ok=True)
    text = program.read_text()
    assert "SITE_ROOTS = ''" in text
    (site / program.name).write_text(text.replace("SITE_ROOTS = ''", "SITE_ROOTS = '/spack'"))
    # Compiled from the unchanged file.
    (site / "activation.compiled").unlink()
    python = program.parents[2] / "bin/python"
    call = f'eval "$({python} -I {site}/activation.py sh hide-modules bring-back)"'
    done = owner.run(
        f"export MODULEPATH={write_modules(owner)}:$MODULEPATH; module load Spack {CONDA}\n"
        f'conda() {{ eval "$({python} -I {site}/activation.py sh hide-modules "$@")"; }}\n'
        f'conda activate plain; echo "${{PYTHONPATH-unset}}"; {leave}; {call}; echo "${{PYTHONPATH-unset}}"'
    )
    back = "/spack/opt/numpy-1-abc/lib" if leave == "conda deactivate" else "unset"
    assert done.stdout.splitlines() == ["unset", back], done.stderr


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
def test_pythonpath_entries_of_an_activation_script_are_removed_on_leaving(
    session: Session, owner: User
) -> None:
    """activate.d adds an entry, and deactivate.d removes it, while an entry of a module is hidden."""
    prefix = owner.home / "conda/envs/scripted"
    if not prefix.exists():
        make_environment(prefix)
        for shell, (on, off) in SCRIPTS.items():
            for when, text in (("activate", on), ("deactivate", off)):
                (prefix / f"etc/conda/{when}.d/test.{shell}").write_text(text.format(prefix, owner.home))
    result = (
        session.snapshot("before")
        .check(f"module load {owner.stack.bundle_module} {CONDA}")
        .snapshot("loaded")
        .check("conda activate scripted")
        .snapshot("active")
        .check("conda activate plain", "conda deactivate", "conda deactivate")
        .snapshot("left")
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    active = result.snapshots["active"].environment["PYTHONPATH"]
    assert active == f"{prefix}/extra:{owner.home}/src"
    assert changed(result, "before", "after") == {}
    assert changed(result, "loaded", "left") == {}


SCRIPTS = {
    "sh": ('export PYTHONPATH="{0}/extra:$PYTHONPATH"\n', 'export PYTHONPATH="${{PYTHONPATH#{0}/extra:}}"\n'),
    "csh": (
        'setenv PYTHONPATH "{0}/extra:$PYTHONPATH"\n',
        'setenv PYTHONPATH "`echo $PYTHONPATH | sed s=^{0}/extra:==`"\n',
    ),
    "fish": (
        'set -gx PYTHONPATH "{0}/extra:$PYTHONPATH"\n',
        'set -gx PYTHONPATH (string replace "{0}/extra:" "" -- "$PYTHONPATH")\n',
    ),
}


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
def test_unloading_anaconda_restores_variables_after_condas_own_deactivate(
    dialect: Dialect, tmp_path: Path, owner: User
) -> None:
    """conda's own functions, sourced over the module's, know nothing of the hidden variables."""
    session = open_session(
        *(dialect, tmp_path, owner.environ, str(owner.modules), *owner.environ["MODULEPATH"].split(":")),
        PIP_USER="1",
    )
    bundle = owner.stack.bundle_module
    result = (
        session.check(f"module load {bundle}")
        .snapshot("before")
        .check(f"module load {CONDA}", "conda activate plain")
        .export("CONDA_SHLVL", "0")
        .unset("CONDA_PREFIX")
        .unset("CONDA_DEFAULT_ENV")
        .unset("CONDA_PROMPT_MODIFIER")
        .check("module unload Anaconda3")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    left = changed(result, "before", "after")
    assert {name for name in left if name != "PATH"} == set()


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
def test_conda_commands_work_whatever_is_on_pythonpath(dialect: Dialect, tmp_path: Path, owner: User) -> None:
    """In the environment of a personal module, and where nothing is hidden."""
    paths = (str(owner.modules), *owner.environ["MODULEPATH"].split(":"))
    result = (
        open_session(dialect, tmp_path, owner.environ, *paths)
        .check(f"module load {owner.stack.bundle_module} real", "conda --version", "module purge")
        .check(f"module load {CONDA}", "conda activate plain", "conda --version", "conda deactivate")
        .export("PYTHONPATH", "/my/own")
        .check("conda --version", "conda activate plain", "conda --version")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert result.stdout.count("conda 24") == 4


@pytest.mark.any_value("owner")
@pytest.mark.parametrize("command", ["conda install -q -y -n other plain", "conda deactivate"])
def test_reactivation_by_conda_install_or_deactivate_puts_the_environment_first(
    owner: User, command: str
) -> None:
    """Its Python and packages are found after a reactivation by `conda install` or `conda deactivate`."""
    made = owner.run(f"module load {CONDA}; [ -d ~/conda/envs/other ] || conda create -q -y -n other python")
    assert made.returncode == 0, made.stderr
    done = owner.run(
        f"module load {CONDA}; conda activate plain; {'conda activate other;' if 'deact' in command else ''}"
        f" module load {owner.stack.bundle_module}; {command} >/dev/null; {NUMPY}"
    )
    assert done.stdout == "plain\n", done.stderr
    assert "takes precedence over it; the environment is first now" in done.stderr


NOTICE = "stackenv: {0} was loaded after plain was activated, and takes precedence over it; "


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
def test_a_stack_loaded_after_conda_activate_is_reported(session: Session, owner: User) -> None:
    bundle = owner.stack.bundle_module
    result = (
        session.check(f"module load {CONDA}", "conda activate plain", "conda info", "module load " + bundle)
        .do("echo ready 1>&2" if session.dialect.family != "csh" else "/bin/sh -c 'echo ready >&2'")
        .check("conda info", "conda activate plain", "conda info")
        .do(NUMPY)
        .snapshot("end")
        .run()
    )
    said = NOTICE.format(bundle)
    assert result.stderr.splitlines() == [
        "ready",
        said + "to put the environment first: conda activate plain",
        said + "the environment is first now",
    ]
    assert result.stdout.splitlines()[-1] == "plain"
    # Our pip follows directly in PATH, for an environment that has none.
    first, second = result.snapshots["end"].path[:2]
    assert (Path(first).parts[-2:], Path(second).parts[-2:]) == (("plain", "bin"), ("stackenv", "pip"))


@pytest.mark.any_value("owner")
def test_check_finds_a_stack_that_takes_precedence_over_the_environment(owner: User) -> None:
    bundle = owner.stack.bundle_module
    check = "stackenv check --json"
    done = owner.run(
        f"module load {CONDA} {bundle}; conda activate plain; {check}; module load {bundle}; {check}\n"
        f"conda activate plain; {check}; conda activate real; module load {bundle}; {check}"
    )
    found = [read_result(text) for text in done.stdout.replace("\n}\n", "\n}\0").split("\0")[:-1]]
    late = [[finding["what"] for finding in each if finding["rule"] == "stack-over-conda"] for each in found]
    said = f"{bundle} was loaded after `conda activate plain` and takes precedence over the environment"
    assert late == [[], [said], [], []], done.stderr


@pytest.mark.any_value("owner")
def test_conda_run_and_conda_env_create_do_not_see_the_modules(owner: User) -> None:
    """Otherwise pip would mistake the modules' numpy for that of the new environment."""
    channel = f"[{CHANNEL}, nodefaults]"
    (owner.home / "fresh.yml").write_text(
        f"name: fresh\nchannels: {channel}\ndependencies: [python, pip: [numpy==1.25.1]]\n"
    )
    numpy = "python -c 'import numpy; print(numpy.__file__)'"
    done = owner.run(
        f"module load {owner.stack.bundle_module} {CONDA}; export PIP_USER=1\n"
        f"conda run -n plain {NUMPY}; conda env create -q -f fresh.yml >&2; conda run -n fresh {numpy}"
    )
    plain, fresh = done.stdout.split()
    assert plain == "plain"
    assert fresh.startswith(f"{owner.home}/conda/envs/fresh/lib"), done.stderr


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
@pytest.mark.parametrize("way", ["PIP_USER", "pip.conf"])
@pytest.mark.parametrize("enter", ["module load real", f"module load {CONDA}; conda activate plain"])
def test_pip_installs_into_the_conda_environment_whatever_pip_user_says(
    dialect: Dialect, tmp_path: Path, owner: User, way: str, enter: str
) -> None:
    config = tmp_path / "config"
    (config / "pip").mkdir(parents=True)
    (config / "pip/pip.conf").write_text("[install]\nuser = true\n" if way == "pip.conf" else "")
    changes = {"XDG_CONFIG_HOME": str(config), **({"PIP_USER": "1"} if way == "PIP_USER" else {})}
    paths = (str(owner.modules), *owner.environ["MODULEPATH"].split(":"))
    session = open_session(dialect, tmp_path, owner.environ, *paths, **changes)
    result = (
        session.snapshot("before")
        .check(*enter.split("; "), "pip install -q --no-deps --force-reinstall six")
        .check('python -c "import six, sys; sys.exit(not six.__file__.startswith(sys.prefix))"')
        .check("pip uninstall -q --yes six", "module purge")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert changed(result, "before", "after") == {}


@pytest.fixture(scope="module")
def with_venv(owner: User) -> User:
    """Return the user, who has the personal venv `biopy` as well."""
    if not (owner.modules / "biopy").exists():
        made = owner.stackenv("create", "biopy", load=[owner.stack.bundle_module])
        assert made.returncode == 0, made.stderr
    return owner


@pytest.mark.any_value("owner")
def test_uv_installs_into_the_environment_activated_last(with_venv: User, tmp_path: Path) -> None:
    done = with_venv.run(
        f"module use ~/modules; module load biopy {CONDA}; conda activate plain\n"
        "uv pip install --offline --dry-run six 2>&1 | grep Using; conda deactivate\n"
        "uv pip install --offline --dry-run six 2>&1 | grep Using"
    )
    into_plain, into_biopy = done.stdout.splitlines()
    assert into_plain.endswith("conda/envs/plain")
    assert into_biopy.endswith("venvs/biopy-1.0")


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
@pytest.mark.parametrize("meanwhile", ["", "module unload biopy"])
def test_the_venv_of_a_loaded_module_is_suspended_while_conda_is_active(
    dialect: Dialect, tmp_path: Path, with_venv: User, meanwhile: str
) -> None:
    session = (
        begin(dialect, tmp_path, with_venv)
        .check(f"module load {CONDA}")
        .snapshot("before")
        .check("module load biopy")
        .snapshot("venv")
        .check("conda activate plain")
        .snapshot("conda")
    )
    session = session.check(meanwhile) if meanwhile else session
    result = session.check("conda deactivate").snapshot("back").run()
    assert set(result.statuses) == {0}, result.stderr
    assert "VIRTUAL_ENV" not in result.snapshots["conda"].environment
    assert changed(result, "before" if meanwhile else "venv", "back") == {}


@pytest.mark.any_value("owner")
def test_a_venv_activated_before_is_restored_when_the_module_is_unloaded_meanwhile(with_venv: User) -> None:
    commands = "python3 -m venv --without-pip ~/v; . ~/v/bin/activate; module use ~/modules; "
    done = with_venv.run(
        f"{commands} module load biopy {CONDA}; conda activate plain; module unload biopy; conda deactivate; "
        "echo $VIRTUAL_ENV"
    )
    assert done.stdout == f"{with_venv.home}/v\n", done.stderr


@pytest.mark.some_shells
@pytest.mark.any_value("owner")
@pytest.mark.parametrize("enter", ["module load real", "module load real; conda activate --stack plain"])
def test_a_python_module_loaded_later_does_not_override_the_environments_python(
    session: Session, owner: User, enter: str
) -> None:
    result = (
        session.snapshot("before")
        .check(*enter.split("; "), f"module load {owner.stack.python_module}")
        .do(which(session.dialect, "python"))
        .check("module purge")
        .snapshot("after")
        .run()
    )
    name = "plain" if "plain" in enter else "real"
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert result.stdout == f"{owner.home}/conda/envs/{name}/bin/python\n"
    assert changed(result, "before", "after") == {}


def test_edit_shows_and_hides_the_packages_of_the_modules(owner: User) -> None:
    """After --hide-modules all files are as they were before."""
    load = f"module use ~/modules; module load {owner.stack.bundle_module} real"
    of_the_stack = f"{load}; python -c 'import sys; print(*sys.path)'"
    before = {path: path.read_bytes() for path in list_own_files(owner)}
    assert owner.stackenv("edit", "real", "--see-modules").returncode == 0
    assert owner.stack.software in owner.run(of_the_stack).stdout
    assert owner.stackenv("edit", "real", "--refresh").returncode == 0
    assert owner.stack.software in owner.run(of_the_stack).stdout
    assert owner.stackenv("edit", "real", "--hide-modules").returncode == 0
    assert owner.stack.software not in owner.run(of_the_stack).stdout
    assert {path: path.read_bytes() for path in list_own_files(owner)} == before


def list_own_files(owner: User) -> list[Path]:
    prefix = owner.home / "conda/envs/real"
    found = [
        *prefix.rglob("*stackenv*.pth"),
        *prefix.rglob("_stackenv*.py"),
        *(prefix / "stackenv").rglob("*"),
    ]
    return [path for path in (*found, *owner.modules.rglob("*.lua")) if path.is_file()]


@pytest.mark.any_value("owner")
def test_hide_modules_is_refused_for_a_venv(with_venv: User) -> None:
    refused = with_venv.stackenv("edit", "biopy", "--hide-modules")
    assert refused.returncode == 2
    assert "is a venv and always imports from its modules" in refused.stderr


@pytest.mark.any_value("owner")
def test_the_site_setting_hide_modules_false_shows_the_packages_of_the_modules(
    owner: User, tmp_path: Path
) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION.replace("conda:\n", "conda:\n  hide_modules: false\n"))
    done = owner.stackenv("adopt", "plain", "seeing", STACKENV_SITE_CONFIG=str(configuration))
    assert done.returncode == 0, done.stderr
    load = f"module use ~/modules; module load {owner.stack.bundle_module} seeing"
    seen = owner.run(f"{load}; python -c 'import sys; print(*sys.path)'")
    assert owner.stackenv("remove", "seeing", "--yes").returncode == 0
    assert owner.stack.software in seen.stdout
