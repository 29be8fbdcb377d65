"""Is the writer: it makes Port hold what the entity topic says, and knows the fate of every single change."""
