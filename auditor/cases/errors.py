"""What can go wrong where cases are looked at, as one sentence each."""


class CasesError(ValueError):
    """One clear sentence about cases that cannot be shown."""


class NoSuchCaseError(CasesError):
    """There is no such case, or no such image, in what the audit saw."""


class PictureError(CasesError):
    """Why an image of a case cannot be shown."""
