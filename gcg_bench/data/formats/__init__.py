"""Data set formats: one file each; a card names its format, and the file is imported then.

A format plug-in has `read(card, split, root, *, limit=None) -> Iterator[Sample]` and, when it reads
files, `annotation_files(card, split, root) -> tuple[Path, ...]`. It may have more:

read(..., faults)   reports what is wrong instead of stopping, so that `data check` can list it all
audit               looks for what only `data check` asks: `audit(card, split, root, faults)`
write               for `data export`: `write(dataset, paths, *, names, embed)`, with FILES (role ->
                    file name, `{split}` in it) and EMBEDS (whether images go into the files)
"""
