"""What an environment's record contains of its stack: what the modules set identically in each session."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from needy_stack import NeedleStack, compile_shared
from users import make_user

from stackenv.configuration.cache import read_configuration
from stackenv.environments import bare_start
from stackenv.environments.carried import complete_carried
from stackenv.environments.stack import load_stack
from stackenv.lmod.bindings import Lmod
from stackenv.record import Carried, Record, parse_record

CARRIED_NAMES = ("SITE_DATA", "SITE_TEXT", "HOME", "HOSTNAME")


class Recorder:
    """A user with an environment, whose stack can be recorded again with more modules."""

    def __init__(self, folder: Path, stack: NeedleStack) -> None:
        self.user = make_user(folder, stack)
        made = self.user.stackenv("create", "bio", "-m", stack.bundle_module)
        assert made.returncode == 0, made.stderr
        self.prefix = self.user.home / "venvs/bio-1.0"
        self.modulefiles = folder / "modulefiles"
        self.settings = read_configuration(self.user.environ).personal._replace(carry_variables=CARRIED_NAMES)

    def read_record(self) -> Record:
        path = self.prefix / "stackenv/record.json"
        return parse_record(path.read_text(), str(path))

    def write_module(self, full_name: str, text: str) -> Path:
        path = self.modulefiles / (full_name if full_name.startswith(".") else f"{full_name}.lua")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def record(self, *modules: str, **environ: str) -> Carried | None:
        """Return what is recorded of these modules and those of the environment."""
        found = self.user.environ["MODULEPATH"]
        variables = {**self.user.environ, "MODULEPATH": f"{self.modulefiles}:{found}", **environ}
        lmod = Lmod.find(variables)
        record = self.read_record()
        stack = load_stack(lmod, (*record.modules, *modules), with_python=False)
        based = replace(record, modules=stack.modules, stack=stack.loaded)
        return complete_carried(based, stack, lmod, self.settings).carried

    def record_text(self, text: str, **environ: str) -> Carried:
        """Return what is recorded with an additional module whose modulefile is `text`."""
        self.write_module("Odd/1.0", text)
        carried = self.record("Odd/1.0", **environ)
        assert carried is not None
        return carried


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory, rpath_stack: NeedleStack) -> Recorder:
    return Recorder(tmp_path_factory.mktemp("recorder"), rpath_stack)


@pytest.fixture(scope="module")
def usual(recorder: Recorder) -> Carried:
    """Return what is recorded of the stack alone."""
    carried = recorder.read_record().carried
    assert carried is not None
    return carried


def added_to(usual: Carried, carried: Carried) -> list[str]:
    """Return the entries of PYTHONPATH that a module has put in front of those of the stack."""
    assert carried.python_path[-len(usual.python_path) :] == usual.python_path
    return list(carried.python_path[: -len(usual.python_path)])


def test_the_stack_is_recorded_with_its_packages_and_without_libraries(
    usual: Carried, rpath_stack: NeedleStack
) -> None:
    assert rpath_stack.needle_packages in usual.python_path
    assert usual.libraries == () and usual.preload == () and usual.variables == ()
    assert [file.path for file in usual.modulefiles] == [f"{rpath_stack.folder}/modules/Needle/1.0.lua"]
    assert usual.starts_bare


OF_THE_SESSION = """\
prepend_path("PYTHONPATH", "/apps/shared")
prepend_path("PYTHONPATH", os.getenv("HOME") .. "/packages")
prepend_path("PYTHONPATH", "/apps/" .. os.getenv("USER"))
prepend_path("PYTHONPATH", (os.getenv("TMPDIR") or "/none") .. "/packages")
prepend_path("PYTHONPATH", "/apps/" .. (os.getenv("SLURM_JOB_ID") or "none"))
prepend_path("PYTHONPATH", "/apps/" .. (os.getenv("HOSTNAME") or "none"))
prepend_path("PYTHONPATH", "/apps/" .. os.time())
prepend_path("PYTHONPATH", "/apps/" .. capture("echo $PPID"):gsub("%s", ""))
prepend_path("PYTHONPATH", "/apps/" .. capture("echo x >>COUNTER; wc -l <COUNTER"):gsub("%s", ""))
prepend_path("PYTHONPATH", "packages")
prepend_path("PYTHONPATH", ".")
prepend_path("PYTHONPATH", "~/packages")
"""


def test_paths_that_depend_on_the_session_are_not_recorded(
    recorder: Recorder, usual: Carried, tmp_path: Path
) -> None:
    carried = recorder.record_text(
        OF_THE_SESSION.replace("COUNTER", f"{tmp_path}/counter"),
        USER="somebody",
        SLURM_JOB_ID="4711",
        HOSTNAME="login1",
    )
    assert added_to(usual, carried) == ["/apps/shared"]


def test_only_variables_with_the_same_value_in_each_session_are_recorded(
    recorder: Recorder,
) -> None:
    carried = recorder.record_text(
        'setenv("SITE_DATA", "/data of the site")\nsetenv("SITE_TEXT", "two\\nlines")\nsetenv("OTHER", "1")\n'
    )
    assert dict(carried.variables) == {"SITE_DATA": "/data of the site", "SITE_TEXT": "two\nlines"}
    carried = recorder.record_text(
        'setenv("SITE_DATA", os.getenv("HOME") .. "/data")\nsetenv("SITE_TEXT", "at " .. os.time())\n'
    )
    assert carried.variables == ()


def test_relative_library_paths_and_preloads_are_not_recorded(
    recorder: Recorder,
) -> None:
    carried = recorder.record_text(
        'prepend_path("LD_LIBRARY_PATH", "lib")\n'
        'prepend_path("LD_LIBRARY_PATH", "/apps/lib::/apps/other;;/apps/lib")\n'
        'pushenv("LD_PRELOAD", "libm.so.6  ./libown.so lib/libown.so:/apps/lib/libpre.so")\n'
    )
    assert carried.preload == ("libm.so.6", "/apps/lib/libpre.so")
    assert carried.libraries[:2] == ("/apps/lib", "/apps/other")
    assert all(folder.startswith("/") for folder in carried.libraries)
    assert len(set(carried.libraries)) == len(carried.libraries)


def test_a_duplicate_path_entry_is_recorded_once(recorder: Recorder, usual: Carried) -> None:
    carried = recorder.record_text(
        'prepend_path{"PYTHONPATH", "/apps/one", priority=10}\n'
        'prepend_path("PYTHONPATH", "/apps/two:/apps/one")\n',
        LMOD_DUPLICATE_PATHS="yes",
    )
    assert sorted(added_to(usual, carried)) == ["/apps/one", "/apps/two"]


def test_variables_set_by_the_user_are_not_recorded(recorder: Recorder, usual: Carried) -> None:
    carried = recorder.record_text(
        'setenv("SITE_DATA", "/data")\n',
        PYTHONPATH="/home/me/own",
        LD_LIBRARY_PATH="/home/me/lib",
        LD_PRELOAD="/usr/lib/libown.so",
        EBPYTHONPREFIXES="/home/me/prefix",
        SITE_TEXT="mine",
    )
    assert replace(carried, modulefiles=usual.modulefiles, variables=()) == usual
    assert dict(carried.variables) == {"SITE_DATA": "/data"}


NEEDS_PROFILE = """\
local root = os.getenv("SITE_ARCH_ROOT")
if not root then LmodError("SITE_ARCH_ROOT is not set: log in again") end
prepend_path("PYTHONPATH", root .. "/packages")
"""


USES_PROFILE = NEEDS_PROFILE.replace("if not", "root = root or '/any'; if not")


@pytest.mark.parametrize("text", [NEEDS_PROFILE, USES_PROFILE])
def test_modules_that_need_a_site_variable_are_recorded_with_its_value(
    recorder: Recorder, usual: Carried, text: str
) -> None:
    carried = recorder.record_text(text, SITE_ARCH_ROOT="/apps/zen4")
    assert added_to(usual, carried) == ["/apps/zen4/packages"]


def test_a_path_containing_the_user_name_or_a_programs_output_is_recorded(
    recorder: Recorder, usual: Carried, tmp_path: Path
) -> None:
    program = tmp_path / "bin/name-the-cpu"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho zen4\n")
    program.chmod(0o755)
    own = recorder.user.home / "bin"
    carried = recorder.record_text(
        'local cpu = capture("name-the-cpu"):gsub("%s", "")\n'
        'prepend_path("PYTHONPATH", os.getenv("SITE_ARCH_ROOT") .. "/" .. cpu)\n'
        f'if os.getenv("PATH"):find("{own}", 1, true) then prepend_path("PYTHONPATH", "/apps/own") end\n',
        SITE_ARCH_ROOT="/apps/annotation",
        USER="ann",
        PATH=f"{own}:{tmp_path}/bin:{recorder.user.environ['PATH']}",
    )
    assert added_to(usual, carried) == ["/apps/annotation/zen4"]


def test_create_records_loaded_modules_that_need_a_site_variable(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/of_the_site.py").write_text("VALUE = 10\n")
    recorder.write_module("Odd/1.0", NEEDS_PROFILE)
    made = recorder.user.stackenv(
        *("create", "profile"),
        load=[recorder.user.stack.bundle_module, "Odd/1.0"],
        MODULEPATH=f"{recorder.modulefiles}:{recorder.user.environ['MODULEPATH']}",
        SITE_ARCH_ROOT=str(tmp_path),
    )
    assert made.returncode == 0 and "only while" not in made.stderr, made.stderr
    python = recorder.user.home / "venvs/profile-1.0/bin/python"
    code = "import needle, of_the_site; print(of_the_site.VALUE, needle.find())"
    found = subprocess.run([python, "-c", code], env={}, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("10 10\n", "")


def test_paths_that_depend_on_a_variable_in_the_home_are_not_recorded(
    recorder: Recorder, usual: Carried
) -> None:
    carried = recorder.record_text(
        USES_PROFILE,
        SITE_ARCH_ROOT=f"{recorder.user.home}/software",
    )
    assert added_to(usual, carried) == []


def test_modules_that_only_this_session_can_load_are_reported_and_not_carried(
    recorder: Recorder, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder.write_module("Odd/1.0", NEEDS_PROFILE)
    assert recorder.record("Odd/1.0", SITE_ARCH_ROOT=f"{recorder.user.home}/software") is None
    said = " ".join(capfd.readouterr().err.split())
    assert "the Python of bio/1.0 finds the packages of its modules only while these are loaded" in said
    assert "SITE_ARCH_ROOT is not set: log in again" in said


def test_a_modules_message_is_not_repeated_and_does_not_prevent_recording(
    recorder: Recorder, usual: Carried, capfd: pytest.CaptureFixture[str]
) -> None:
    carried = recorder.record_text('LmodMessage("welcome")\nprepend_path("PYTHONPATH", "/apps/loud")\n')
    assert added_to(usual, carried) == ["/apps/loud"]
    assert "welcome" not in capfd.readouterr().err


@pytest.mark.parametrize("ending", ["os.exit(0)", "LmodBreak('later')"])
def test_a_module_that_exits_in_another_session_is_reported_and_not_carried(
    recorder: Recorder, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder.write_module("Odd/1.0", f'if os.getenv("USER") ~= "somebody" then {ending} end\n')
    assert recorder.record("Odd/1.0", USER="somebody") is None
    assert "only while these are loaded" in " ".join(capfd.readouterr().err.split())


def test_hierarchical_modules_are_recorded_with_the_modules_leading_to_them(
    recorder: Recorder, usual: Carried
) -> None:
    below = recorder.modulefiles.parent / "hierarchy"
    (below / "Deep").mkdir(parents=True, exist_ok=True)
    deep = below / "Deep/2.0.lua"
    deep.write_text('prepend_path("PYTHONPATH", "/apps/deep")\n')
    path = recorder.write_module("Way/1.0", f'prepend_path("MODULEPATH", "{below}")\n')
    carried = recorder.record("Way/1.0", "Deep/2.0")
    assert carried is not None and added_to(usual, carried) == ["/apps/deep"]
    assert [file.path for file in carried.modulefiles][-2:] == [str(path), str(deep)]


def test_defaults_aliases_and_hidden_modules_are_recorded_as_their_files(
    recorder: Recorder, usual: Carried
) -> None:
    hidden = recorder.write_module("Hidden/.1.0", 'prepend_path("PYTHONPATH", "/apps/hidden")\n')
    recorder.write_module("Two/1.0", 'prepend_path("PYTHONPATH", "/apps/one")\n')
    two = recorder.write_module("Two/2.0", 'prepend_path("PYTHONPATH", "/apps/two")\n')
    (two.parent / "default").unlink(missing_ok=True)
    (two.parent / "default").symlink_to("2.0.lua")
    aliased = recorder.write_module("Real/3.0", 'prepend_path("PYTHONPATH", "/apps/real")\n')
    (recorder.user.home / ".modulerc").write_text("#%Module\nmodule-alias Short Real/3.0\n")
    carried = recorder.record("Hidden/.1.0", "Two", "Short")
    assert carried is not None and added_to(usual, carried) == ["/apps/real", "/apps/two", "/apps/hidden"]
    assert [file.path for file in carried.modulefiles][-3:] == [str(hidden), str(two), str(aliased)]


@pytest.mark.parametrize("place", ["in it", "added", "editable"])
def test_libraries_of_a_locally_built_package_are_recorded(
    recorder: Recorder, rpath_stack: NeedleStack, tmp_path: Path, place: str
) -> None:
    (packages,) = recorder.prefix.glob("lib/python3*/site-packages")
    source = tmp_path / "source.c"
    source.write_text("int needle_find(void);\nint call(void) { return needle_find(); }\n")
    linked = [f"-L{folder}" for folder in rpath_stack.library_folders] + ["-lneedle"]
    folder = (packages if place == "in it" else tmp_path) / "built_here"
    folder.mkdir()
    compile_shared(source, folder / "_built.so", *linked)
    (packages / "__editable__.built.pth").write_text(f"{tmp_path}\n" if place == "added" else "\n")
    if place == "editable":
        described = packages / "built_here-1.0.dist-info/direct_url.json"
        described.parent.mkdir()
        described.write_text(json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}}))
    try:
        carried = recorder.record()
        assert carried is not None and list(carried.libraries) == rpath_stack.library_folders
    finally:
        shutil.rmtree(folder)
    carried = recorder.record()
    assert carried is not None and carried.libraries == ()


def test_two_users_in_two_sessions_record_the_same_stack_identically(
    recorder: Recorder, usual: Carried, tmp_path: Path, rpath_stack: NeedleStack
) -> None:
    other = make_user(tmp_path, rpath_stack)
    made = other.stackenv(
        *("create", "other"),
        load=[rpath_stack.bundle_module],
        USER="other",
        SLURM_JOB_ID="12",
        SLURM_JOB_NAME="night",
        DISPLAY=":1",
        PYTHONPATH=f"{other.home}/own",
        LD_LIBRARY_PATH=f"{other.home}/lib:",
    )
    assert made.returncode == 0, made.stderr
    texts = [
        json.dumps(json.loads((prefix / "stackenv/record.json").read_text())["carried"])
        for prefix in (recorder.prefix, other.home / "venvs/other-1.0")
    ]
    assert texts[0] == texts[1] and str(other.home) not in texts[1]


def test_a_timeout_of_the_python_is_reported_as_undetermined(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bare_start, "TIMEOUT_S", 0.0001)
    assert recorder.record() is None
    said = " ".join(capsys.readouterr().err.split())
    assert "only while these are loaded: it cannot be determined what " in said, said
    assert f"{recorder.prefix}/bin/python needs of them: no answer within" in said, said
    assert "in a clean session" not in said
