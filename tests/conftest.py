"""What holds for every test."""

from hypothesis import settings

# a machine that does something else meanwhile is no failure
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
