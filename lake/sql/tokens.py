"""Keyed tokens for personal natural keys (ADR 5).

A token is the first 32 hex digits of HMAC-SHA256 (RFC 2104) of the UTF-8 value, under a key that lives outside
`LAKE_HOME`. The same token is made in Python and, by the macro `lake_token(value)`, inside DuckDB.
"""

import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

import duckdb

from contracts.settings import SettingsError, load_settings

TOKEN_LENGTH = 32
_BLOCK = 64  # bytes, SHA-256


def key_path() -> Path:
    """Where the key is: `LAKE_TOKEN_KEY_FILE`, else the user's configuration folder."""
    configured = load_settings().token_key_file
    if configured is not None:
        return configured
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return config_home / "customer-lake" / "token.key"


@lru_cache
def _key(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(f"v1:{secrets.token_hex(32)}\n")
        try:
            os.link(temporary, path)  # atomic, and the first of two processes wins
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others", cure=f"chmod 600 {path}")
    version, _, digits = path.read_text().strip().partition(":")
    if version != "v1" or len(digits) != 64:
        raise SettingsError(
            f"{path} is not a token key (expected 'v1:' and 64 hex digits)", cure="restore it from backup"
        )
    return bytes.fromhex(digits)


def token(value: str) -> str:
    """The token of one value: 32 lower-case hex digits."""
    return hmac.new(_key(key_path()), value.encode(), hashlib.sha256).hexdigest()[:TOKEN_LENGTH]


def create_token_macro(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a DuckDB connection `lake_token(value)`: VARCHAR -> VARCHAR(32), null for null.

    The key sits in the connection's macro, never in the text of a model or a compiled query.
    """
    key = _key(key_path()).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(b ^ pad for b in key).hex() for pad in (0x36, 0x5C))
    connection.execute(
        f"""create or replace macro lake_token(value) as
            left(sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(value)))), {TOKEN_LENGTH})"""
    )
