"""Alerts: what somebody must answer, from its opening to its end, and the notices that bring it to them."""
