"""How the published programs take the suffix from an image's name; gcg-bench uses none of these."""


def stripped(name: str) -> str:
    """The name without all characters `.`, `j`, `p` and `g` at its end: `dog.jpg` becomes `do`."""
    return name.rstrip(".jpg")


def cut(name: str) -> str:
    """The name without its last four characters."""
    return name[:-4]
