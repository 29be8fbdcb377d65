"""Turns webhook events and refresh requests into raw objects: asks PagerDuty, publishes what it says now."""
