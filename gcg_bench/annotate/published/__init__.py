"""The deterministic rules of GranD's published pipeline, one step a module.

Source: mbzuai-oryx/groundingLMM, commit e74865f2, folder GranD. The rules are kept with their
faults, so that their output equals the published one; the modules name the faults. One thing is
mended: where the published order of labels or attributes follows the hash seed of the process,
they are sorted.
"""
