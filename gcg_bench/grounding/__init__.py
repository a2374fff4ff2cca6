"""Parts that adapters of grounding models share: placing, boxes, dialects of answers, masks."""
