"""How the published programs remove the suffix of an image's name; not used by gcg-bench."""


def stripped(name: str) -> str:
    """The name without all characters `.`, `j`, `p` and `g` at its end: `dog.jpg` becomes `do`."""
    return name.rstrip(".jpg")


def cut(name: str) -> str:
    """The name without its last four characters."""
    return name[:-4]
