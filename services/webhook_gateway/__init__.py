"""Is the webhook gateway: it takes PagerDuty's events in, and says so only once the log holds them."""
