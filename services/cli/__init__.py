"""Is the command line: `pagerport`."""

from services.cli.app import main

__all__ = ["main"]
