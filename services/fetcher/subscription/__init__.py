"""Is the care for the webhook subscription: PagerDuty goes on sending us what changes."""
