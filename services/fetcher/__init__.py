"""The fetcher: lists PagerDuty, publishes raw objects, conducts runs."""
