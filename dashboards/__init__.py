"""The compliance dashboard: the web application of the auditor, on the top floor of the house."""
