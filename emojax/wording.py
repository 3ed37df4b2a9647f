"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """``1 face``, ``2 faces``, ``1,200 people``; the plural is the singular and an s unless it is given."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
