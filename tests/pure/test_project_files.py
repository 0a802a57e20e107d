"""README, CONTRIBUTING, workflow and pages agree with the commands, versions and files of the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackenv import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
WORKFLOW = CHECKOUT / ".github/workflows/tests.yml"
PAGES = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")]


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def list_workflow_commands(job: str) -> list[str]:
    steps: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text())["jobs"][job]["steps"]
    return [step["run"] for step in steps if "run" in step]


def test_pre_commit_and_the_workflow_run_the_lint_script() -> None:
    lint = "sh tests/lint.sh"
    (repo,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert [hook["entry"] for hook in repo["hooks"]] == [lint]
    assert lint in read("tests/run.sh").splitlines()
    assert lint in list_workflow_commands("quick")


def test_the_workflow_runs_the_command_of_ci_run() -> None:
    (command,) = re.findall(r"(?m)^exec (.+)$", read(".ci/run"))
    assert list_workflow_commands("everything")[-1] == command


def test_the_workflow_runs_the_quick_tests_of_run_sh() -> None:
    (chosen,) = re.findall(r"set -- (-m 'quick .+) \"\$@\"", read("tests/run.sh"))
    assert list_workflow_commands("quick")[-1].endswith(chosen)


def test_the_workflow_tests_each_python_listed_in_setup_cfg() -> None:
    named = re.findall(r"Python :: (3\.\d+)", read("setup.cfg"))
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    assert jobs["quick"]["strategy"]["matrix"]["python"] == named
    assert f"python_requires = >={named[0]}" in read("setup.cfg")


def test_the_easyconfig_has_the_current_version() -> None:
    (easyconfig,) = (CHECKOUT / "easyconfigs").glob("stackenv-*.eb")
    assert easyconfig.name == f"stackenv-{__version__}.eb"
    assert re.findall(r"(?m)^version = '(.+)'$", easyconfig.read_text()) == [__version__]


def test_the_changelog_lists_the_current_version_after_unreleased() -> None:
    versions = re.findall(r"(?m)^## \[?([\w.]+)\]?", read("CHANGELOG.md"))
    assert versions[:2] == ["Unreleased", __version__]


def test_pages_name_only_the_current_version() -> None:
    named = {
        (page.name, found)
        for page in PAGES
        for found in re.findall(r"\bstackenv[/-](\d+\.\d+\.\d+)", page.read_text(encoding="utf-8"))
    }
    assert {found for _, found in named} == {__version__}
    assert {"commands.md", "without-easybuild.md"} <= {page for page, _ in named}


def test_readme_is_short_and_its_user_part_begins_with_module_load() -> None:
    text = read("README.md")
    assert len(text.splitlines()) <= 120
    for_users = text.partition("\n## For users")[2]
    assert re.findall(r"(?m)^\$ (.+)$", for_users)[0].startswith("module load stackenv")


def test_readme_shows_the_commands_of_the_demo_and_the_tests() -> None:
    (tested,) = re.findall(r"(?m)^exec (.+)$", read(".ci/run"))
    assert {"sh tests/demo.sh", tested} <= {*read("README.md").splitlines()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_in_a_page_point_to_existing_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_each_link_in_a_page_has_a_text(page: Path) -> None:
    # The web site would fill in the title, but readers of the file would see nothing.
    assert "[](" not in page.read_text(encoding="utf-8")


def test_files_and_tables_named_in_contributing_exist() -> None:
    text = read("CONTRIBUTING.md")
    named = re.findall(r"`((?:src|tests|site-config|docs|modulefiles)/[\w./-]+)`", text)
    assert len(named) > 15
    # Readers who follow the example write this file.
    missing = {name for name in named if not (CHECKOUT / name).exists()}
    assert missing == {"tests/rules/test_tmpdir_gone.py"}
    tables = {
        "ACCOUNT_RULES": "health/rules/__init__.py",
        "START": "site/load_test.py",
        "SHELLS": "configuration/schema.py",
        "HOME_FILES": "account/start_files.py",
        "INTERACTIVE_FILES": "account/start_modules.py",
    }
    for name, file in tables.items():
        assert f"`{name}`" in text
        assert re.search(rf"(?m)^{name}\b", read(f"src/stackenv/{file}"))
