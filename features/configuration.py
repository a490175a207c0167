"""Feast's `feature_store.yaml`, generated with absolute paths.

Feast has no defaults for variables, and it resolves SQLite paths from the folder in which the process was started.
"""

import os
from pathlib import Path

import yaml

from contracts.settings import PROJECT_ROOT, load_settings

FILE_NAME = "feature_store.yaml"
FEATURE_REPO = PROJECT_ROOT / "feature_repo"
DEFAULT_HOME = PROJECT_ROOT / ".lake"
_HEAD = "# Written by `lake run` (features/configuration.py); changes here are lost.\n"


def feast_home() -> Path:
    """Registry, online store and state of this lake's feature store."""
    return load_settings().home / "feast"


def configuration() -> str:
    """The text of `feature_store.yaml` for this LAKE_HOME."""
    home = feast_home()
    settings = {
        "project": "customer_lake",
        "provider": "local",
        # Not the file registry: it loses one of two concurrent writes.
        "registry": {
            "registry_type": "sql",
            "path": f"sqlite:///{home / 'registry.db'}",
            "cache_ttl_seconds": 60,
            # Otherwise a feature server rejects requests for a view while a run writes it.
            "serve_features_while_materializing": True,
        },
        "offline_store": {"type": "duckdb"},
        "online_store": {"type": "sqlite", "path": str(home / "online.db")},
        "entity_key_serialization_version": 3,
        # Without a batch size Feast 0.67 writes only the first Arrow chunk of a view and drops the rest silently.
        "materialization": {"online_write_batch_size": 10_000, "pull_latest_features": True},
    }
    return _HEAD + yaml.safe_dump(settings, sort_keys=False)


def write_configuration() -> str:
    """Write the configuration under LAKE_HOME, and in feature_repo/ where that folder belongs to this lake.

    feature_repo/ belongs to the default lake. Another lake takes it only while the configuration in it points to no
    existing lake, so that a test's lake never takes the feature store away from the modellers.

    Returns:
        The text of the configuration.
    """
    text = configuration()
    feast_home().mkdir(parents=True, exist_ok=True)
    _write(feast_home() / FILE_NAME, text)
    if load_settings().home == DEFAULT_HOME or not _points_to_a_lake(FEATURE_REPO / FILE_NAME):
        _write(FEATURE_REPO / FILE_NAME, text)
    return text


def _points_to_a_lake(path: Path) -> bool:
    if not path.exists():
        return False
    online = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("online_store") or {}
    return Path(online.get("path", "")).parent.is_dir()


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    temporary_file = path.with_name(f"{path.name}.{os.getpid()}")
    temporary_file.write_text(text, encoding="utf-8")
    temporary_file.rename(path)
