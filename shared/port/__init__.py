"""Is the client of Port's API: who we are, how we ask again, and the calls pagerport makes."""
