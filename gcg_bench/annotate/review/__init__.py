"""Decisions of people about an annotation: their files, what they change, what they measure.

`decisions` reads a file of decisions, `survey` says what can be decided and what the random sample
is, `log` keeps decisions, `changes` is a scene after them, `measures` is the precision of the
sample and the agreement of reviewers, `result` is the annotation after review.
"""
