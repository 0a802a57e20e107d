"""No fix makes anything worse: a finding on which something else depends is reported and left as it is."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

from answers import read_result
from checking import SITE, install
from people import Person

from stackenv.environments.own_packages import read_owners
from stackenv.health.installed_files import list_faults


def find_one(person: Person, rule: str) -> dict[str, str]:
    found = read_result(person.stackenv("check", "biopy", "--json", status=None).stdout)
    (finding,) = (finding for finding in found if finding["rule"] == rule)
    return finding


def test_no_fix_removes_a_shadowing_package_that_another_requires(person: Person) -> None:
    site = person.create("biopy") / SITE
    install(site, "tiny-stack", "2.0")
    install(site, "content", "1.0", "Requires-Dist: tiny-stack>=1; extra == 'x'", "Requires-Dist: tiny-stack")
    assert find_one(person, "shadows")["fix_steps"] != []
    install(site, "needing", "1.0", "Requires-Dist: tiny-stack>=2")
    found = find_one(person, "shadows")
    assert found["fix_steps"] == []
    assert found["hint"].startswith("needing requires tiny-stack>=2, which 1.0 does not satisfy; ")
    assert "stackenv edit biopy/1.0 --allow-shadow tiny-stack" in found["hint"]


def test_a_conda_package_replaced_by_pip_has_no_missing_files(tmp_path: Path) -> None:
    files = [f"{SITE}/foo.py", f"{SITE}/foo-1.0.dist-info/METADATA", "bin/foo", "share/foo/data"]
    note = tmp_path / "conda-meta/foo-1.0-0.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"name": "foo", "version": "1.0", "files": files}))
    assert len(list(list_faults(read_owners(tmp_path), tmp_path, True, True))) == 4
    install(tmp_path / SITE, "foo", "2.0")
    # A reinstallation by conda would replace pip's package.
    assert list(list_faults(read_owners(tmp_path), tmp_path, True, True)) == []


def test_an_extension_that_needs_a_missing_gpu_driver_is_unchecked(person: Person, tmp_path: Path) -> None:
    site = person.create("biopy") / SITE
    code, driver = tmp_path / "gpu.c", tmp_path / "libcuda.so.1"
    code.write_text("int PyInit_gpu(void) { return 0; }\n")
    extension = site / f"gpu{sysconfig.get_config_var('EXT_SUFFIX')}"
    shared = ["gcc", "-shared", "-fPIC", str(code)]
    subprocess.run([*shared, "-Wl,-soname,libcuda.so.1", "-o", driver], check=True)
    subprocess.run([*shared, "-Wl,--no-as-needed", str(driver), "-o", extension], check=True)
    driver.unlink()
    install(site, "gpu", "1.0", files=f"{extension.name},,\n")
    found = find_one(person, "extensions")
    assert (found["level"], found["fix_steps"]) == ("unchecked", [])
    assert "libcuda.so.1: cannot open shared object file" in found["what"]
    assert person.stackenv("check", "biopy").returncode == 0


def test_a_malformed_package_record_does_not_stop_other_rules(person: Person) -> None:
    site = person.create("biopy") / SITE
    # Longer than a file name can be.
    install(site, "odd", "1.0", files=f"a,b,c,d\n{'a' * 300},,\n")
    install(site, "tiny-stack", "2.0")
    assert find_one(person, "shadows")["level"] == "warning"
    assert find_one(person, "missing-files")["level"] == "unchecked"


def test_a_failed_fix_is_reported_in_text_and_exit_status(person: Person) -> None:
    site = person.create("biopy", "--with-pip") / SITE
    info = "tiny_stack-2.0.dist-info"
    install(site, "tiny-stack", "2.0", files=f"{info}/RECORD,,\n{info}/INSTALLER,,\n")
    main = site / "pip/__main__.py"
    words = main.read_text()
    main.write_text("raise SystemExit('no space left')\n")
    failed = person.stackenv("check", "--fix", "--yes", status=1)
    assert "not fixed: " in failed.stderr and "no space left" in failed.stderr
    assert "warning: tiny-stack 2.0 hides 1.0" in failed.stdout
    main.write_text(words)
    assert person.stackenv("check", "--fix", "--yes").stdout.startswith("no problems found")
