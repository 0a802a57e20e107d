"""Part of the ensurepip of the tests' Pythons: copies what pip has installed once (copied_ensurepip.py)."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
import sysconfig

# Where pip would write more than this into a script's first line, pip installs.
PLAIN = re.compile("[A-Za-z0-9_./+-]{1,120}")


def copy_pip() -> bool:
    """Copy the image into this venv; return whether that was done, or is for pip."""
    packages = sysconfig.get_path("purelib")
    if (
        sys.prefix == sys.base_prefix
        or os.environ.get("STACKENV_TEST_AS_USERS")
        or not PLAIN.fullmatch(sys.executable)
        or os.listdir(packages)
    ):
        return False
    with open(os.path.join(os.path.dirname(__file__), "image")) as stream:
        image = stream.read()
    copy_tree(os.path.join(image, "packages"), packages)
    (folder,) = (name for name in os.listdir(packages) if name.startswith("pip-"))
    copy_scripts(os.path.join(image, "bin"), os.path.join(packages, folder, "RECORD"))
    return True


def copy_tree(source: str, target: str) -> None:
    """Copy files and folders, with the modes of the umask and the times, by which .pyc files are valid."""
    for place, folders, files in os.walk(source):
        into = target + place[len(source) :]
        for name in folders:
            os.mkdir(os.path.join(into, name))
        for name in files:
            path = os.path.join(into, name)
            shutil.copyfile(os.path.join(place, name), path)
            found = os.stat(os.path.join(place, name))
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def copy_scripts(folder: str, record: str) -> None:
    """Copy the scripts of `folder`, for this interpreter, and have `record` tell of them."""
    with open(record, newline="") as stream:
        lines = stream.readlines()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as script:
            text = f"#!{sys.executable}\n".encode() + script.read().partition(b"\n")[2]
        path = os.path.join(sys.prefix, "bin", name)
        with open(path, "wb") as script:
            script.write(text)
        os.chmod(path, os.stat(path).st_mode | 0o555)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        start = f"../../../bin/{name},"
        line = f"{start}sha256={digest},{len(text)}\n"
        lines = [line if old.startswith(start) else old for old in lines]
    with open(record, "w", newline="") as stream:
        stream.writelines(lines)
