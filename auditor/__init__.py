"""The auditor: intake, judging, the audit as a build, the two stores and the command line."""

__version__ = "0.1.0"
