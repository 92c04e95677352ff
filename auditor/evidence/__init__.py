"""What stands behind a signature: the evidence there is, reports as issued, keys, people, bundles."""
