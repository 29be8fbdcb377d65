"""Measures the installed program against the bundled simulators."""
