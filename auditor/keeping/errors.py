"""What goes wrong in keeping and erasing, as one sentence each."""


class KeepingError(ValueError):
    """One clear sentence about a hold, an erasure or a retention that cannot be; never with patient data."""
