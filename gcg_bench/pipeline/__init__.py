"""Specification, prediction, scoring and evaluation, and the functions for Python users."""
