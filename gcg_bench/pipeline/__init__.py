"""The one loop from queries to scores."""
