"""Who may look, and who did: sessions of people, tokens of programs."""
