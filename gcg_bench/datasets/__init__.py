"""Data set formats and generators: one file each."""
