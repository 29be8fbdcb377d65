"""The PagerDuty REST API as a strict program: it holds an account, plays a script, refuses what is wrong."""
