"""The revisions of the schema, oldest first; add one with its number and extend `tables.REVISIONS`."""
