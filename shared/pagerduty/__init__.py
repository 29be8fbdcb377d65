"""Holds the PagerDuty REST client: credentials, what an answer means, when a request is sent again."""
