"""What the numbers do not say alone: kinds of mistakes, invariants of metrics, two runs compared."""
