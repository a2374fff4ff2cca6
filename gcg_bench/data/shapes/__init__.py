"""The embedded data set's world: scenes composed, drawn and told from a seed and an index alone."""
