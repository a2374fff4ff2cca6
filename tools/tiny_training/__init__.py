"""The parts of the training of glamm-tiny; `tools/train_glamm_tiny.py` is the command."""
