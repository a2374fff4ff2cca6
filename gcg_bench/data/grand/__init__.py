"""GranD's release beyond its captions: objects, relations, expressions, archives, and a writer.

`values` has the annotation of an image as frozen values; `reading` and `writing` convert it from
and to the JSON of the release, and `files` reads and writes files, packed or not. `spans` corrects
spans, `boxes` compares masks with boxes, `training` makes the authors' training files, and `table`
lists objects.
"""
