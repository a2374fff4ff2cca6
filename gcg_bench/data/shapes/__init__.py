"""The data set `shapes`: scenes composed, rendered and described from a seed and an index."""
