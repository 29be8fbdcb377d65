"""Holds what keeps the repository true to its code; no part of the product."""
