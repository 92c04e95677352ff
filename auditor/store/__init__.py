"""The two stores: a ledger of facts and decisions, and a lake of immutable rows."""
