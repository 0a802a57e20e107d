"""Blocks of `conda init`, written by conda itself: found and removed, with no other byte changed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import init_blocks
import pytest
from checking import find, find_one, fix
from init_blocks import BLOCK, CONDABIN, LATIN, MAMBA_1, MAMBA_2, OWN, WRITERS, plant
from people import Person

RULE = "conda-init"


@pytest.mark.parametrize(
    ("name", "own"),
    [(name, b"# mine\nx=1\n") for name in WRITERS]
    + [(".bashrc", own) for own in (b"", b"# mine\n\n\n", b"# no line end")],
)
def test_only_condas_block_is_removed_and_a_backup_is_kept(
    person: Person, own_conda: Path, name: str, own: bytes
) -> None:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(own)
    file.chmod(0o640)
    before = person.tree()
    plant(own_conda, file)
    planted = file.read_bytes()
    found = find_one(person, RULE)
    number = planted.split(b"\n").index(b"# >>> conda initialize >>>") + 1
    assert (found["level"], found["where"]) == ("warning", f"{file}:{number}")
    assert str(own_conda) in found["what"]
    fix(person)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (own, 0o640)
    backup = Path(f"{file}.stackenv-backup")
    assert (backup.read_bytes(), backup.stat().st_mode & 0o777) == (planted, 0o640)
    backup.unlink()
    assert person.tree() == before
    assert find(person, RULE) == []


def test_a_shell_after_the_fix_has_no_conda_and_keeps_the_users_lines(
    person: Person, own_conda: Path
) -> None:
    (person.home / ".bashrc").write_bytes(OWN)
    plant(own_conda, person.home / ".bashrc")
    fix(person)
    shell = ["bash", "--noprofile", "-ic", 'type conda; echo "<$NAME>"; alias ll']
    done = subprocess.run(shell, env=person.environ, cwd=person.home, capture_output=True, check=False)
    assert b"conda: not found" in done.stderr
    assert done.stdout == b"<\xc3\xa9>\nalias ll='ls -l'\n"


@pytest.mark.parametrize("name", ["OLD", "MAMBA_1", "MAMBA_2", "MICROMAMBA", "MICROMAMBA_FISH"])
def test_init_blocks_of_other_versions_are_removed(person: Person, name: str) -> None:
    file = person.home / (".config/fish/config.fish" if name.endswith("FISH") else ".bashrc")
    file.parent.mkdir(parents=True, exist_ok=True)
    block = getattr(init_blocks, name).encode()
    file.write_bytes(LATIN + block + b"alias la='ls -a'\n")
    assert find_one(person, RULE)["where"] == f"{file}:4"
    fix(person)
    assert file.read_bytes() == LATIN + b"alias la='ls -a'\n"


def require_unfixed(person: Person, file: Path) -> None:
    """See that a fix leaves `file` as it is."""
    before = file.read_bytes()
    person.stackenv("check", "--fix", "--yes", status=None)
    assert file.read_bytes() == before and not Path(f"{file}.stackenv-backup").exists()


@pytest.mark.parametrize("name", CONDABIN)
def test_a_condabin_block_is_removed_and_a_changed_one_is_reported(person: Person, name: str) -> None:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    own, line = b"# mine\nx=1\n", CONDABIN[name]
    file.write_bytes(own + BLOCK.format(line).encode())
    found = find_one(person, RULE)
    assert found["where"] == f"{file}:4"
    assert found["what"].endswith(("which start /opt/miniforge3", "which start /opt/my conda"))
    fix(person)
    assert file.read_bytes() == own
    Path(f"{file}.stackenv-backup").unlink()
    for changed in (f"{line}\n{line.replace('condabin', 'bin').replace('/opt', '/home')}", f"{line}\nmine"):
        file.write_bytes(own + BLOCK.format(changed).encode())
        assert "was changed: line" in find_one(person, RULE)["what"]
        require_unfixed(person, file)


def test_a_users_line_inside_condas_block_is_reported(person: Person) -> None:
    file = person.home / ".bashrc"
    file.write_text(BLOCK.format('export PATH="/opt/tools/bin:$PATH"'))
    assert "was not written by conda: it puts /opt/tools/bin on PATH" in find_one(person, RULE)["what"]
    require_unfixed(person, file)


def test_lines_after_the_removed_blocks_are_kept(person: Person, own_conda: Path) -> None:
    file = person.home / ".bashrc"
    file.write_bytes(OWN)
    plant(own_conda, file)
    file.write_bytes(file.read_bytes() + MAMBA_2.encode() + b"\nexport LAST=1\n")
    found = find_one(person, RULE)
    assert found["what"].count(" to ") == 2
    fix(person)
    assert file.read_bytes() == OWN + b"\nexport LAST=1\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (".bashrc", "conda_on() {\n  echo on\n", "}\n"),
        (".bashrc", "cat >~/x <<'EOF'\n", "EOF\n"),
        (".config/fish/config.fish", "function conda_on\n  echo on\n", "end\n"),
    ],
)
def test_a_block_that_does_not_run_at_startup_is_not_reported(
    person: Person, own_conda: Path, name: str, before: str, after: str
) -> None:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    plant(own_conda, file)
    file.write_text(before + file.read_text().strip("\n") + "\n" + after)
    assert find(person, RULE) == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (".tcshrc", "if ($?prompt) then\n", "endif\n"),
        (".config/fish/config.fish", "if status is-interactive\n", "end\n"),
    ],
)
def test_a_block_inside_the_users_code_is_reported_without_a_fix(
    person: Person, own_conda: Path, name: str, before: str, after: str
) -> None:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    plant(own_conda, file)
    block = file.read_text().strip("\n") + "\n"
    file.write_text(before + block + after)
    found = find_one(person, RULE)
    assert found["fix_steps"] == [] and "is inside your own code" in found["hint"]
    # After that code, a block is removed as usual.
    file.write_text(before + "echo\n" + after + block)
    fix(person)
    assert file.read_text() == before + "echo\n" + after


@pytest.mark.parametrize("name", [".bashrc", ".tcshrc"])
def test_carriage_returns_are_kept(person: Person, name: str) -> None:
    file = person.home / name
    file.write_bytes(b"a=1\r\n" + MAMBA_1.replace("\n", "\r\n").encode() + b"b=2\r\n")
    fix(person)
    assert file.read_bytes() == b"a=1\r\nb=2\r\n"


# As in /etc/skel of RHEL 9.
LOOP = 'for rc in ~/.bashrc.d/*; do [ -f "$rc" ] && . "$rc"; done\n'


def test_backups_in_bashrc_d_are_hidden_so_that_bash_does_not_read_them(
    person: Person, own_conda: Path
) -> None:
    (person.home / ".bashrc").write_text(LOOP)
    file = person.home / ".bashrc.d/conda"
    file.parent.mkdir()
    file.write_text("MINE=x$MINE\n")
    plant(own_conda, file)
    copied = file.with_name("conda.bak")
    copied.write_bytes(file.read_bytes())
    assert [f["where"] for f in find(person, RULE)] == [f"{file}:3", f"{copied}:3"]
    copied.unlink()
    said = fix(person)
    assert f"backup: {file.parent}/.conda.stackenv-backup" in said
    shell = ["bash", "-c", '. ~/.bashrc; echo "$MINE"; type conda']
    done = subprocess.run(shell, env=person.environ, capture_output=True, text=True, check=False)
    assert done.stdout == "x\n" and "not found" in done.stderr
    assert find(person, RULE) == []
    assert file.read_text() == "MINE=x$MINE\n"


def test_a_symlinked_startup_file_stays_a_symlink(person: Person, own_conda: Path) -> None:
    real = person.home / "dotfiles/bashrc"
    real.parent.mkdir()
    real.write_bytes(OWN)
    link = person.home / ".bashrc"
    link.symlink_to("dotfiles/bashrc")
    (person.home / ".bash_profile").symlink_to(".bashrc")
    plant(own_conda, link)
    assert len(find(person, RULE)) == 1
    fix(person)
    assert (str(link.readlink()), real.read_bytes()) == ("dotfiles/bashrc", OWN)


def test_a_hard_linked_startup_file_stays_hard_linked(person: Person, own_conda: Path) -> None:
    file, other = person.home / ".bashrc", person.home / "repository-bashrc"
    file.write_bytes(OWN)
    os.link(file, other)
    plant(own_conda, file)
    fix(person)
    assert other.read_bytes() == OWN
    assert other.samefile(file)


ME = "export MINE=1\n"
BODY = MAMBA_1.partition("!!\n")[2].rpartition("# <<<")[0]
START, END = "# >>> conda initialize >>>\n", "# <<< conda initialize <<<\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (ME + START + BODY + ME, 2, "is missing"),
        (START + START + BODY + END, 1, "in line 2"),
        (START + BODY + ME + END, 1, "line 17 in it"),
        (f"f() {{\n  {START}{BODY}  {END}}}\n", 2, "indented"),
        (f"if true; then\n{START}{BODY}{END}fi\n", 2, "lines around it"),
        (START + BODY + 'export PATH="/home/me/bin:$PATH"\n' + END, 1, "it puts /home/me/bin on PATH"),
        *(
            (START + BODY.replace('"/opt/mambaforge/bin:', f'"{folders}:') + END, 1, "line 9 in it")
            for folders in ("/opt/mambaforge/bin:/home/me/bin", "/home/me/bin:/opt/mambaforge/bin")
        ),
        *(
            (START + f"{line}\n" + END, 1, f"line 2 in it was not written by conda: {line}")
            for line in (
                'export PATH="/opt/conda/condabin:/home/me/bin:$PATH"',
                'setenv PATH "/opt/conda/condabin:/home/me/bin:$PATH"',
                'set -x PATH "/opt/conda/bin:/home/me/bin" $PATH',
                "set -x PATH $HOME/bin $PATH",
                ". ~/mine.sh; . /opt/conda/etc/profile.d/conda.sh",
                "export MAMBA_EXE=/opt/mamba; export MINE=1",
            )
        ),
    ],
)
def test_a_block_that_cannot_be_removed_is_reported_and_kept(
    person: Person, text: str, line: int, said: str
) -> None:
    file = person.home / ".bashrc"
    file.write_text(text)
    found = find_one(person, RULE)
    assert found["where"] == f"{file}:{line}"
    assert said in found["what"] + found["hint"]
    before = person.tree()
    fix(person)
    assert person.tree() == before


def test_commented_out_lines_are_not_reported(person: Person) -> None:
    commented = "".join(f"# {line}" for line in BODY.splitlines(keepends=True))
    (person.home / ".bashrc").write_text(START + commented + END + "# . /opt/x/etc/profile.d/conda.sh\n")
    (person.home / ".zshrc").write_text("".join(f"#{line}" for line in MAMBA_1.splitlines(keepends=True)))
    assert find(person, RULE) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (".bashrc", ". /opt/conda/etc/profile.d/conda.sh"),
        (".bashrc", "[ -f /opt/conda/etc/profile.d/conda.sh ] && . /opt/conda/etc/profile.d/conda.sh"),
        (".bash_profile", "if [ -d /x ]; then . ~/miniforge3/etc/profile.d/conda.sh; fi"),
        (".profile", "export PATH=$HOME/miniconda3/bin:$PATH"),
        (".zshrc", 'eval "$(/opt/miniforge3/bin/conda shell.zsh hook)"'),
        (".cshrc", "set path = ( ~/anaconda3/bin $path )"),
        (".config/fish/conf.d/conda.fish", "fish_add_path ~/mambaforge/condabin"),
    ],
)
def test_older_ways_to_start_conda_are_reported(person: Person, name: str, line: str) -> None:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"# {line}\n{line}\n")
    found = find_one(person, RULE)
    assert (found["where"], found["fix_steps"]) == (f"{file}:2", [])
    assert "module load Anaconda3" in found["hint"]


def test_a_read_only_file_is_reported_without_a_fix(person: Person) -> None:
    file = person.home / ".bashrc"
    file.write_text(MAMBA_1)
    file.chmod(0o400)
    found = find_one(person, RULE)
    assert (found["fix_steps"], "read-only" in found["hint"]) == ([], True)
    require_unfixed(person, file)


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user take root")
def test_a_file_of_another_user_is_reported_without_a_fix(person: Person) -> None:
    file = person.home / ".bashrc"
    file.write_text(MAMBA_1)
    os.chown(file, 74012, 74012)
    found = find_one(person, RULE)
    assert (found["fix_steps"], "not yours" in found["hint"]) == ([], True)
    require_unfixed(person, file)


def test_init_blocks_are_not_reported_if_the_site_allows_them(person: Person, tmp_path: Path) -> None:
    (person.home / ".bashrc").write_text(MAMBA_1)
    configuration = tmp_path / "allowing.yaml"
    configuration.write_text("version: 1\nconda: {init: allow}\n")
    assert find(person, RULE, STACKENV_SITE_CONFIG=str(configuration)) == []
