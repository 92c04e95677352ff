"""What goes wrong in the stores, each as one clear sentence that never quotes a stored value."""


class StoreError(ValueError):
    """The ledger or the lake cannot do what was asked; the message says what, where and what to do."""


class StaleError(StoreError):
    """Another writer registered segments since the caller looked: load again, filter again, try again."""
