"""What a listing adds to PagerDuty's objects: on-calls, e-mails, analytics, custom fields."""
