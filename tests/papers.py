"""Papers as the service lists them."""

from custom_components.lianke.api.capabilities import Paper


def paper(width: int, height: int, edge: int = 0, *, name: str = "x", paper_id: int = 1) -> Paper:
    """Make a paper with an unprintable margin of `edge`; lengths in 0.1 mm."""
    return Paper(
        paper_id=paper_id,
        name=name,
        width=width,
        height=height,
        printable_width=width - 2 * edge,
        printable_height=height - 2 * edge,
    )
