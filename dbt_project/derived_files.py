"""Folders of files that the lake derives before dbt parses: written only where they differ, cleared of what is gone."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path


def write_derived_files(folder: Path, texts: Mapping[str, str], *, suffix: str) -> str:
    """Make the files of a folder that end with `suffix` exactly these; returns a digest of their names and contents.

    An unchanged file keeps its time of change, so that dbt's partial parse passes over it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"*{suffix}"):
        if path.name not in texts:
            path.unlink()
    digest = hashlib.sha256()
    for name, text in texts.items():
        digest.update(f"{name}\n{text}".encode())
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            temporary = path.with_name(f"{name}.{os.getpid()}")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
    return digest.hexdigest()
