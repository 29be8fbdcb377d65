"""Holds the default blueprints and the default mapping."""
