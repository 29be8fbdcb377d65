"""Keeps the installation's integration object in Port: its registration, its mapping, its resync state."""
