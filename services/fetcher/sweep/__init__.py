"""Decides what a run may delete, and publishes these deletes."""
