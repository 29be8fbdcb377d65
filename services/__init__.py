"""The processes of pagerport: fetcher, mapper, writer, and the ways to run them."""
