"""How queries reach a model: isolation, timeouts, and how a model is made from its name."""
