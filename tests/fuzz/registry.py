"""All targets by name."""

from fuzz import of_annotations, of_masks, of_models, of_pictures, of_predictions, of_runs

TARGETS = {
    target.name: target
    for module in (of_predictions, of_annotations, of_runs, of_masks, of_models, of_pictures)
    for target in module.TARGETS
}
