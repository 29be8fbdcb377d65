"""Names the file of an installation that is always on."""

from pathlib import Path
from typing import Final

from shared.settings import Settings

DEFAULT_FILE: Final = Path("pagerport.db")


def log_file(settings: Settings) -> Path:
    """Return the file that `pagerport run` consumes and other commands read and append to."""
    return settings.log.file or DEFAULT_FILE
