"""Explains one entity: what was made of which object, what became of it, and what Port holds now."""
