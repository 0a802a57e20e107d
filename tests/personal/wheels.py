"""Small wheels for pip: with requirements, programs and data files; and one whose installation fails."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write a wheel of the package `name` (PEP 427): a module with its version, a program and a data file.

    `files` are the texts of further files, by their paths in the wheel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module, stem = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}"
    requirements = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    texts = {
        f"{module}/__init__.py": f"VERSION = {version!r}\n\n\ndef main():\n    print(VERSION)\n",
        **{f"{module}/part{number}.py": f"# {version}\n" for number in range(5)},
        f"{stem}.data/data/share/{module}/{version}.txt": version,
        **(files or {}),
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + requirements,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    record = "".join(f"{path},sha256={digest(text)},{len(text.encode())}\n" for path, text in texts.items())
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {
            **texts,
            f"{stem}.dist-info/RECORD": f"{record}{stem}.dist-info/RECORD,,\n",
        }.items():
            archive.writestr(path, text)
    return wheel


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def break_wheel(wheel: Path, text: str) -> None:
    """Change the only `text` in `wheel`, so that the file that contains it cannot be unpacked."""
    contents = wheel.read_bytes()
    assert contents.count(text.encode()) == 1
    wheel.write_bytes(contents.replace(text.encode(), text[::-1].encode()))
