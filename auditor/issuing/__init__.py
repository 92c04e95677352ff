"""Reports as they are issued: the briefing around the audits, their files, the bundle for an inspector."""
