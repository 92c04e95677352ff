"""One case of an audit, and how cases are found."""
