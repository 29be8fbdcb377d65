"""All services in one process over the embedded log."""
