"""All targets by name."""

from fuzz import (
    of_annotations,
    of_cards,
    of_grounding,
    of_masks,
    of_models,
    of_nothing,
    of_pictures,
    of_predictions,
    of_runs,
    of_tasks,
)

TARGETS = {
    target.name: target
    for module in (
        of_predictions,
        of_annotations,
        of_tasks,
        of_cards,
        of_runs,
        of_masks,
        of_models,
        of_grounding,
        of_pictures,
    )
    for target in module.TARGETS
}
PROOFS = {target.name: target for target in of_nothing.TARGETS}
"""Those that must be noticed; they are no part of a run."""
