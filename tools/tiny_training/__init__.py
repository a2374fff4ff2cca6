"""How glamm-tiny is trained, piece by piece; `tools/train_glamm_tiny.py` is the door."""
