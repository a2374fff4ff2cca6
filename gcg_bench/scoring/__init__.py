"""Scoring: features of pairs, metrics on them, typed results that are stored and read back."""
