"""Tests of review samples: drawing, taking back, correcting."""
