"""What two or more services use: the log, the runtime, clients, settings, errors."""
