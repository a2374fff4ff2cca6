"""The one loop: specification, prediction, scoring, evaluation; and what Python users call."""
