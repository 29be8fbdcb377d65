"""The log under the runtime: one interface, one implementation per way to run."""
