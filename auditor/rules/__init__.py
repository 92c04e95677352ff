"""The registry of rules: every threshold and stop question, in every version, with who changed it when and why."""
