"""The SHA-256 of a file, read in blocks, because an image or a library can be larger than the memory."""

from __future__ import annotations

import hashlib
import os

from stackenv.plain_files import open_file

BLOCK_BYTES = 1 << 20


def hash_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of the file `path` in hexadecimal (hashlib.file_digest needs Python 3.11)."""
    digest = hashlib.sha256()
    with open_file(path, buffering=0) as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
