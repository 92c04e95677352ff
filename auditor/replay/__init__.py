"""Asking the deployed model again: questions from the lake, answers back into it as replayed outputs."""
