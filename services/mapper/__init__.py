"""Makes entity changes of raw PagerDuty objects, as the mapping says."""
