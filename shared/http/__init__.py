"""Holds what every HTTP client of pagerport shares: the connection, how long to wait, what was waited for."""
