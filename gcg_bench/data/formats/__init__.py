"""Data set formats, one in each file; the file is imported when a card names the format.

A format plug-in has `read(card, split, root, *, limit=None) -> Iterator[Sample]`. It may have:

ROLES               the roles of the files that the card must name, for a format that reads files
read(..., faults)   reports what is wrong instead of stopping, so that `data check` can list it all
annotation_files    `annotation_files(card, split, root) -> tuple[Path, ...]`, for a format whose
                    files are not simply those that the card names
audit               `audit(card, split, root, faults)`: checks that only `data check` needs
image_ids           `image_ids(card, split, root) -> frozenset[int]`: the ids of a split's images,
                    by which `data check` counts what splits and sets share
write               for `data export`: `write(dataset, paths, *, names, embed)`, with FILES (role ->
                    file name, which holds `{split}`) and EMBEDS (whether images go into the files)

A reader drafts samples (`gcg_bench.data.drafts`); `finish` checks ids, sizes and masks.
"""
