"""Named points at which a test can end the process as a power cut would (`LAKE_CRASH_AT`)."""

import os
import signal

from contracts.settings import load_settings


def crash_point(name: str) -> None:
    """End this process at once, with no clean-up, where the settings name this point."""
    if load_settings().crash_at == name:
        os.kill(os.getpid(), signal.SIGKILL)
