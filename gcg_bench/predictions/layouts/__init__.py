"""Prediction layouts, one in each file; the content of a record decides its layout.

A layout plug-in is a file of this folder with:

DESCRIPTION   how the layout looks, in one line; messages list all descriptions
RANK          a whole number that no other layout has. Where several layouts recognise a record, the
              one with the smallest rank reads it. Specific layouts have small ranks, general ones
              large ranks
EXAMPLE       one record as JSON values, for tests: its id is `example`, its masks are of an image
              4 pixels high and 5 wide
REPAIRS       field -> what `data check --fix` makes of a prediction when the field cannot be read,
              in a few words
recognises    `recognises(record) -> bool`: whether a JSON object has this layout; never raises
read          `read(record, file, key, faults) -> PredictionDraft`: the prediction in a record.
              `file` is for messages; `key` is the id that the place of the record gives (the name
              of its file, the key in an object), None where the place gives none. `faults` takes
              what is wrong; where it returns, the faulty part is left out. Raises BadData when the
              record has no usable id

To add a layout, add one file here.
"""
