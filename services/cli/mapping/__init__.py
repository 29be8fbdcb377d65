"""The commands of `pagerport mapping`."""
