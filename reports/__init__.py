"""From a frozen `Dossier` to a page: pure functions without database, clock or network."""
