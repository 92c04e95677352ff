"""The command line: one file a group of commands; heavy libraries are imported where a command needs them."""

from auditor.cli.main import main

__all__ = ["main"]
