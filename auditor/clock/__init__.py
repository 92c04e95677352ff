"""The clock: which job is due, who runs it, and what became of it; truth is the ledger's schedules and runs."""
