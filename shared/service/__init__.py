"""Runs a service as a process: its ASGI app with health, metrics and graceful end."""
