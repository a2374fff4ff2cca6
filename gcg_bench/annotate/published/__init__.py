"""The deterministic rules of GranD's published pipeline, one module for each step.

Source: mbzuai-oryx/groundingLMM, commit e74865f2, folder GranD. The rules keep their faults, so
    that their output equals the published output; the modules name the faults. One fault is
    repaired: labels and attributes whose published order depends on the hash seed of the process
    are sorted.
"""
