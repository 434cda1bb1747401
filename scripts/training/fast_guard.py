"""Whether fast code may be used: it may be deleted, and is made for some versions of packages alone."""

from scripts.cli import console


def has_fast(doing: str) -> bool:
    """Say whether there is fast code for these versions; if it is for others, tell that `doing` is slower."""
    try:
        from scripts.training import fast
    except ImportError:
        return False
    if why := fast.why_not():
        console.print(f"{doing} as spaCy does, slower: {why}", style="yellow")
    return not why
