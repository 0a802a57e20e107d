"""`mamba` of Miniforge3's module: what applies to it alone (test_cycle.py and others run with it, too).
The program is a stand-in for mamba 2 (tests/distribution/files/bin/mamba).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from built import LMOD, WORK, BuiltModules
from copied_installations import COMMAND, copy_bare_installation
from dialects import DIALECTS
from environments import make_environment
from session import Session, differences

pytestmark = [pytest.mark.some_shells]

LOAD = "module load Miniforge3/24.7.1-2"
UNLOAD = "module unload Miniforge3"
# Prints the arguments and variables that it was started with; the real mamba would get the same.
RECORDER = """\
#!/bin/sh
# Not mamba: a recorder of its command line.
printf '%s\\n' "$@" "root=$MAMBA_ROOT_PREFIX" "program=$MAMBA_EXE" "path=$PATH"
"""
# The hook as mamba 2 prints it: users run the program for it, not the function.
HOOK = {
    "sh": 'eval "$({0} shell hook --shell bash)"',
    "csh": "{0} shell hook --shell csh > hook.csh; source hook.csh",
    "fish": "{0} shell hook --shell fish | source",
}


@pytest.fixture
def miniforge(stack) -> str:
    return stack.root("24.7.1-2", "Miniforge3")


@pytest.mark.all_shells
def test_activate_accepts_mambas_options(session: Session, stack) -> None:
    quoted = session.dialect.quote(f"{stack.environments}/two")
    ways = ["-n one", f"--prefix {quoted}", "--name=one -y", f"-q -p {quoted}", "--stack -n one", "base", ""]
    ways += ["-ntwo", "-yq one", "-s bash two", "--json one", f"-r {quoted} base", "-r /nowhere one"]
    session.check(LOAD)
    for number, words in enumerate(ways):
        session.check(f"mamba activate {words}").snapshot(str(number))
    result = session.check(UNLOAD).run()
    assert result.statuses == [0] * 13 + [1, 0], result.stderr
    names = [result.snapshots[str(number)].environment["CONDA_DEFAULT_ENV"] for number in range(len(ways))]
    assert names == [
        "one",
        "two",
        "one",
        "two",
        "one",
        "base",
        "base",
        "two",
        "one",
        "two",
        "one",
        "two",
        "two",
    ]
    assert "/nowhere/envs/one" in result.stderr
    stacked = result.snapshots["4"].path
    assert stacked.index(f"{stack.environments}/one/bin") < stacked.index(f"{stack.environments}/two/bin")


def test_help_is_mambas_own(session: Session) -> None:
    result = session.check(
        LOAD, "mamba activate --help", "mamba deactivate -h", "mamba install --help", "mamba"
    ).run()
    assert (result.statuses, result.stderr) == ([0] * 5, "")
    assert result.stdout.count("Usage: mamba") == 4 and "conda" not in result.stdout


def test_invalid_arguments_are_an_error_and_change_nothing(session: Session) -> None:
    result = (
        session.check(LOAD)
        .snapshot("loaded")
        .check(
            "mamba activate -n",
            "mamba activate --no-such one",
            "mamba activate one two",
            "mamba deactivate x",
        )
        .snapshot("still")
        .run()
    )
    assert result.statuses[0] == 0 and 0 not in result.statuses[1:]
    assert differences(result.snapshots["loaded"], result.snapshots["still"]) == {}


def test_activation_scripts_of_an_installed_package_run_at_once(session: Session, stack) -> None:
    """The environment is activated again; what a removed package has set remains, as with conda."""
    shutil.rmtree(stack.environments / "two/conda-meta")
    shutil.rmtree(stack.environments / "two")
    result = (
        session.check(LOAD, "mamba create -q -y --offline -n two", "mamba activate two")
        .check("mamba install -q -y activating")
        .snapshot("installed")
        .check("mamba remove -q -y activating")
        .snapshot("removed")
        .check(UNLOAD)
        .run()
    )
    assert result.statuses == [0] * 6, result.stdout + result.stderr
    for moment in ("installed", "removed"):
        assert result.snapshots[moment].environment["STACKENV_TEST_ACTIVATED"] == "1"


def test_a_failed_install_returns_a_nonzero_status(session: Session) -> None:
    result = session.check(LOAD, "mamba activate one", "mamba install -q -y --offline no-such-package").run()
    assert result.statuses[:2] == [0, 0] and result.statuses[2] != 0


def test_mamba_shell_init_is_refused(session: Session, stack) -> None:
    file = stack.home / ".bashrc"
    file.write_text("# mine\n")
    result = (
        session.check(LOAD, "mamba shell init --shell bash", "mamba init bash")
        .check("mamba shell --shell bash init", "mamba shell reinit -s bash")
        .run()
    )
    assert result.statuses == [0, 1, 1, 1, 1] and result.stderr.count("`mamba shell init` is not needed") == 4
    assert file.read_text() == "# mine\n"


def test_mamba_shell_deinit_removes_the_block_written_by_init(stack, miniforge: str, tmp_path: Path) -> None:
    file = stack.home / ".bashrc"
    file.write_text("# mine\n")
    environ = stack.environ(MAMBA_ROOT_PREFIX=miniforge)
    subprocess.run([f"{miniforge}/bin/mamba", "shell", "init", "-s", "bash"], env=environ, check=True)
    assert "mamba initialize" in file.read_text()
    result = (
        Session(DIALECTS["bash"], tmp_path, LMOD, stack.environ())
        .check(LOAD, "mamba shell deinit -s bash")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert file.read_text() == "# mine\n"


@pytest.mark.parametrize("dialect", ["bash", "tcsh", "fish"], indirect=True)
def test_mamba_run_finds_no_programs_of_base(session: Session) -> None:
    result = session.check(LOAD, "mamba run -n one pip --version", "mamba run -n one python").run()
    assert result.statuses[0] == 0 and result.statuses[1] != 0 and result.statuses[2] == 0, result.stderr
    assert result.stdout == "python of one\n"


@pytest.mark.all_shells
def test_the_users_own_micromamba_keeps_its_root(session: Session, stack) -> None:
    """Its variables and functions are unchanged in the shell, and in programs that mamba does not start."""
    own = make_environment(stack.folder("mine") / "micromamba")
    program = own / "bin/micromamba"
    program.write_text('#!/bin/sh\n# Not micromamba.\necho "root $MAMBA_ROOT_PREFIX"\n')
    program.chmod(0o755)
    environ = {"MAMBA_EXE": str(program), "MAMBA_ROOT_PREFIX": str(own)}
    session.environ = {**session.environ, **environ}
    define = {
        "sh": '__mamba_exe() { "$MAMBA_EXE" "$@"; }; micromamba() { __mamba_exe "$@"; }',
        "csh": "alias micromamba '\"$MAMBA_EXE\"'",
        "fish": "function micromamba; $MAMBA_EXE $argv; end",
    }[session.dialect.family]
    result = (
        session.do(define)
        .snapshot("before")
        .check(LOAD, "micromamba", "mamba info", "mamba activate one", "micromamba", LOAD, "micromamba")
        .snapshot("active")
        .check(UNLOAD, "micromamba")
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0] * 9, result.stderr
    assert result.stdout.count(f"root {own}\n") == 4
    assert f"base environment : {stack.root('24.7.1-2', 'Miniforge3')}" in result.stdout
    active = result.snapshots["active"].environment
    assert {name: active[name] for name in environ} == environ
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize("dialect", ["bash", "zsh", "tcsh", "fish"], indirect=True)
def test_a_root_prefix_set_before_the_load_is_kept(session: Session, miniforge: str) -> None:
    """The user has chosen the site's root as MAMBA_ROOT_PREFIX, for a micromamba of their own."""
    session.environ = {
        **session.environ,
        "MAMBA_ROOT_PREFIX": miniforge,
        "MAMBA_EXE": "/mine/micromamba",
    }
    define = {
        "sh": "micromamba() { /mine/micromamba; }",
        "csh": "alias micromamba /mine/micromamba",
        "fish": "function micromamba; $MAMBA_EXE $argv; end; function __fish_mamba_envs; end",
    }[session.dialect.family]
    result = (
        session.do(define)
        .snapshot("before")
        .check(LOAD, LOAD, "mamba reactivate", UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0] * 4, result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize("dialect", ["bash"], indirect=True)
def test_functions_of_micromamba_1_defined_after_the_load_survive_the_unload(session: Session) -> None:
    """micromamba 1 has no __mamba_wrap; the functions that it has are not exported after the unload."""
    functions = "; ".join(f"{name}() {{ echo mine; }}" for name in ("__mamba_exe", "__mamba_hashr"))
    result = (
        session.check(LOAD).do(functions).check(UNLOAD, "declare -F __mamba_exe", "declare -F __mamba_wrap")
    )
    result = result.check("! bash -c 'declare -F __mamba_exe'").run()
    assert result.statuses == [0, 0, 0, 1, 0], result.stderr


@pytest.mark.parametrize("dialect", ["bash", "zsh", "tcsh", "fish"], indirect=True)
@pytest.mark.parametrize("how", ["hook", "hook and activate", "reload", "profile.d"])
def test_mambas_own_hook_leaves_nothing_after_the_unload(session: Session, miniforge: str, how: str) -> None:
    if how == "profile.d" and session.dialect.family != "sh":
        pytest.skip("it is for sh alone")
    hook = HOOK[session.dialect.family].format(f"{miniforge}/bin/mamba")
    session.snapshot("before").check(LOAD)
    session.do(f". {miniforge}/etc/profile.d/mamba.sh" if how == "profile.d" else hook)
    if how == "hook and activate":
        session.check("mamba activate one")
    if how == "reload":
        session.check(LOAD, "mamba activate one")
    result = session.check(UNLOAD).snapshot("after").run()
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize("dialect", ["bash", "zsh", "tcsh", "fish"], indirect=True)
def test_unload_restores_what_mamba_shell_init_had_set_up(session: Session, stack, miniforge) -> None:
    """Many users have this combination: a root of their own, and the site's program."""
    own = make_environment(stack.folder("mine") / "mamba")
    session.environ = {
        **session.environ,
        "MAMBA_EXE": f"{miniforge}/bin/mamba",
        "MAMBA_ROOT_PREFIX": str(own),
    }
    result = (
        session.do(HOOK[session.dialect.family].format(f"{miniforge}/bin/mamba"))
        .snapshot("before")
        .check(LOAD, "mamba activate one", "python", LOAD, UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0] * 5, result.stderr
    assert result.stdout == "python of one\n"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.fixture
def recording(built_modules: BuiltModules, tmp_path: Path):
    """A function that runs the module's `mamba`, and returns what a recorder in place of mamba received."""
    root = tmp_path / "miniforge3"
    copy_bare_installation(Path(built_modules.software, built_modules.miniforge), root)
    (root / "bin/mamba").write_text(RECORDER)
    modulefile = tmp_path / "modules/Miniforge3/24.7.1-2.lua"
    install(root, modulefile)

    def run(words: list[str], **environ: str) -> list[str]:
        done = subprocess.run(
            [root / "libexec/stackenv/condabin/mamba", *words],
            env={"PATH": f"{root}/bin:/usr/bin:/bin", "HOME": str(tmp_path), **environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.replace(str(tmp_path), "TOP").splitlines()

    return run


def install(root: Path, modulefile: Path) -> None:
    done = subprocess.run(
        [
            *(COMMAND, "site", "install", "--name", "Miniforge3", "--version", "24.7.1-2", "--root", root),
            *("--modulefile", modulefile, "--config", WORK / "built/site.yaml"),
        ],
        env={**os.environ, "LMOD_CMD": LMOD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# What is typed, and what mamba receives. The environments first/old, second/old and second/other exist.
PLACED = {
    "create -n new x": "create -p TOP/first/new x",
    "create x --name=new": "create x --prefix=TOP/first/new",
    "create -nnew": "create -pTOP/first/new",
    "create -yqnmain": "create -yqpTOP/first/main",
    "create -yn new": "create -yp TOP/first/new",
    "-y create --name new": "-y create --prefix TOP/first/new",
    "create -n other": "create -p TOP/second/other",
    "create -p here/new": "create -p here/new",
    "create -n base": "create -n base",
    "create -r TOP/mine -n new": "create -r TOP/mine -n new",
    "create -f new.yml": "create -f new.yml --prefix TOP/first/called",
    "env create --file=odd.yaml": "env create --file=odd.yaml",
    "env create -n new -f new.yml": "env create -p TOP/first/new -f new.yml",
    "env update -f quoted.yaml": "env update -f quoted.yaml --prefix TOP/first/old",
    "install -n old x": "install -p TOP/first/old x",
    "install -n nowhere x": "install -n nowhere x",
    "remove -n other --all": "remove -p TOP/second/other --all",
    "list -n other": "list -p TOP/second/other",
    "run -n other cmd -n 5": "run -p TOP/second/other cmd -n 5",
    "run -p p cmd -n other": "run -p p cmd -n other",
    "search -n other": "search -n other",
    "--rc-file TOP/rc install -n old x": "--rc-file TOP/rc install -p TOP/first/old x",
    "-n old install x": "-p TOP/first/old install x",
    "run -e A=1 -n other cmd": "run -e A=1 -p TOP/second/other cmd",
    "run -a stdout --label x --cwd / -n other cmd": "run -a stdout --label x --cwd / -p TOP/second/other cmd",
    "shell -s bash -n other": "shell -s bash -p TOP/second/other",
    "info -n other": "info -p TOP/second/other",
    "config list -n other": "config list -p TOP/second/other",
    "repoquery depends -n other x": "repoquery depends -p TOP/second/other x",
    "export -n other": "export -p TOP/second/other",
    "list -f -n other": "list -f -p TOP/second/other",
    "install -n ../evil x": "install -n ../evil x",
    "create -n ..": "create -n ..",
    "create -f windows.yml": "create -f windows.yml --prefix TOP/first/three",
    "create -f indented.yml": "create -f indented.yml",
    "env list": "env list",
    "": "",
}


def test_a_name_is_passed_to_mamba_as_the_prefix_that_conda_uses(recording, tmp_path: Path) -> None:
    """All cases are one test, because the recorder needs an installation."""
    for name in ("first/old", "second/old", "second/other"):
        make_environment(tmp_path / name)
    for name, line in {"new.yml": "called", "odd.yaml": "a: b", "quoted.yaml": "'old'  # mine"}.items():
        (tmp_path / name).write_text(f"channels: []\nname: {line}\ndependencies: []\n")
    (tmp_path / "windows.yml").write_bytes(b"channels: []\r\nname:  three\r\n")
    (tmp_path / "indented.yml").write_text("variables:\n  name: bob\ndependencies: []\n")
    folders = f"{tmp_path}/first:{tmp_path}/second"
    got = {}
    for words in PLACED:
        lines = recording(words.replace("TOP", str(tmp_path)).split(), CONDA_ENVS_PATH=folders)
        got[words] = " ".join(lines[: lines.index("root=TOP/miniforge3")]).replace(str(tmp_path), "TOP")
        assert lines[-2] == "program=TOP/miniforge3/bin/mamba"
        assert (":TOP/miniforge3/bin:" in f":{lines[-1].partition('=')[2]}:") != (
            words.split()[:1] == ["run"]
        )
    assert got == PLACED
    # If no variable names folders, the condarc does.
    (tmp_path / ".condarc").write_text(f"envs_dirs: [{tmp_path}/mine]\n")
    assert recording(["create", "-n", "new"])[:3] == ["create", "-p", "TOP/mine/new"]


def run_program(tmp_path: Path, words: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the module's program `mamba`, which may fail."""
    return subprocess.run(
        [tmp_path / "miniforge3/libexec/stackenv/condabin/mamba", *words],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environ},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", ["create -n new", "install -n elsewhere x", "remove -n elsewhere --all"])
def test_mamba_is_not_run_when_conda_cannot_be_asked(recording, tmp_path: Path, words: str) -> None:
    assert recording(["create", "-n", "new"])[0] == "create"
    (tmp_path / ".condarc").write_text("envs_dirs: [unclosed\n")
    done = run_program(tmp_path, words.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert ".condarc" in done.stderr and "mamba was not run" in done.stderr
    assert "Traceback" not in done.stderr


def test_options_before_a_refused_command_do_not_hide_it(recording, tmp_path: Path) -> None:
    assert recording(["--log-level", "info", "list"])[:3] == ["--log-level", "info", "list"]
    root = tmp_path / "miniforge3"
    (root / "conda-meta/frozen").write_text("{}")
    for options in (
        ["--log-level", "info"],
        ["--rc-file", f"{tmp_path}/rc"],
        ["-v", "--relocate-prefix", "/x"],
    ):
        init = run_program(tmp_path, [*options, "shell", "init"])
        assert init.returncode == 1 and "`mamba shell init` is not needed" in init.stderr
        frozen = run_program(tmp_path, [*options, "install", "-n", "base", "x"])
        assert frozen.returncode == 1 and "is frozen (conda-meta/frozen)" in frozen.stderr


@pytest.mark.parametrize(
    "words", ["install -y x", "update -n base --all", "remove -p {root} x", "env update -f e.yml"]
)
def test_a_frozen_base_is_not_changed(recording, tmp_path: Path, words: str) -> None:
    root = tmp_path / "miniforge3"
    (root / "conda-meta/frozen").write_text("{}")
    done = subprocess.run(
        [root / "libexec/stackenv/condabin/mamba", *words.format(root=root).split()],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{root} is frozen (conda-meta/frozen) and was not changed")
    for allowed in (["list", "-n", "base"], ["install", "-n", "nowhere"], ["remove", "-r", "/own", "x"]):
        assert recording(allowed)[: len(allowed)] == allowed


@pytest.mark.parametrize("major", [1, 3])
def test_mamba_1_gets_a_wrapper_and_an_unknown_major_version_gets_none(
    built_modules: BuiltModules, tmp_path: Path, major: int
) -> None:
    """PYTHONPATH must not reach mamba 1, a Python program; an unknown version is used as it is."""
    root, modulefile = tmp_path / "miniforge3", tmp_path / "modules/Miniforge3/24.7.1-2.lua"
    copy_bare_installation(Path(built_modules.software, built_modules.miniforge), root)
    (record,) = root.glob("conda-meta/mamba-*.json")
    record.rename(record.with_name(f"mamba-{major}.5.8-py310_0.json"))
    (root / "bin/mamba").write_text(
        f"#!{root}/bin/python\nimport sys; print(sys.flags.isolated, sys.argv[1:])\n"
    )
    install(root, modulefile)
    (tmp_path / "session").mkdir()
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MODULEPATH": str(tmp_path / "modules")}
    session = Session(DIALECTS["bash"], tmp_path / "session", LMOD, environ)
    result = session.check("module load Miniforge3", "mamba list", "mamba activate base").run()
    if major == 1:
        assert (result.statuses, result.stdout) == ([0, 0, 0], "1 ['list']\n"), result.stderr
        # After an update of base, mamba may no longer be a Python program.
        (root / "bin/mamba").write_text(RECORDER)
        assert run_program(tmp_path, ["list"]).stdout.startswith("list\n")
    else:
        assert result.stdout == "0 ['list']\n0 ['activate', 'base']\n", result.stderr
        assert not (root / "libexec/stackenv/condabin/mamba").exists()


def test_a_missing_mamba_program_is_reported(built_modules: BuiltModules, tmp_path: Path) -> None:
    root, modulefile = tmp_path / "miniforge3", tmp_path / "modules/Miniforge3/24.7.1-2.lua"
    copy_bare_installation(Path(built_modules.software, built_modules.miniforge), root)
    install(root, modulefile)
    (root / "bin/mamba").unlink()
    (tmp_path / "session").mkdir()
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MODULEPATH": str(tmp_path / "modules")}
    session = Session(DIALECTS["bash"], tmp_path / "session", LMOD, environ)
    result = session.check("module load Miniforge3", "mamba list", "mamba activate base").run()
    assert result.statuses == [0, 127, 0]
    assert f"{root}/bin/mamba can no longer be run; use conda instead" in result.stderr
