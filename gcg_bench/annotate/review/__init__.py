"""Decisions of people about an annotation: their files, effects and measures.

`decisions` reads a file of decisions, `survey` lists the phrases and draws the random sample, `log`
keeps applied decisions, `changes` applies decisions to a scene, `measures` computes the precision
of the sample and the agreement of reviewers, `result` is the annotation after review.
"""
