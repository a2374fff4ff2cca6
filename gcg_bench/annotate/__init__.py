"""Annotation of images by models: detections become objects, and captions are tied to them.

`scenes` has the values that stages pass to each other. `published` holds the rules of GranD's
pipeline, `consensus` the fusion of gcg-bench, and `numbered` reads captions that name their objects
by number. All these functions are pure: equal input gives equal output, and no argument is changed.
"""
