"""The log file of the command line. Nothing that looks like somebody's value gets into it."""

import logging
import re
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path

from contracts.errors import LakeError

_LIKE_A_VALUE = re.compile(r"[^\s'\"<>()]+@[^\s'\"<>()]+\.\w+|(?<![\w-])\+?\d[\d ]{7,}\d(?![\w-])")


class HomeError(LakeError):
    """The lake's own folder cannot be written."""

    exit_code = 2


def scrub(text: str) -> str:
    """The text with everything that looks like an e-mail address or a phone number taken out."""
    return _LIKE_A_VALUE.sub("<removed>", text)


def log_path() -> Path:
    """Where the log is: `LAKE_HOME/logs/lake.log`."""
    from contracts.settings import load_settings

    return load_settings().home / "logs" / "lake.log"


class _Scrubbed(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def start_log() -> Path:
    """Send what libraries log to the file (5 MB, three generations) and nothing of it to the terminal."""
    path = log_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise HomeError(
            f"cannot write to {path.parent.parent}: {error.strerror}",
            cure="set LAKE_HOME to a folder that this user may write, or make room there",
        ) from None
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=3, encoding="utf-8")
    handler.setFormatter(_Scrubbed("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    return path


def keep_traceback() -> str:
    """Write the traceback of the exception at hand to the log; returns where, or why it could not be written."""
    text = scrub(traceback.format_exc())
    try:
        path = log_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(text)
    except Exception as error:
        return f"the traceback below (no log could be written: {type(error).__name__})\n{text}"
    return str(path)
