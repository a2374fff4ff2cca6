"""Runs a model on queries: isolation of failures, timeouts, and loading a model by its name."""
