"""The sections of the weekly report, one file each: what goes where is decided here, nothing is computed."""
