"""Options of what is drawn."""

from __future__ import annotations

from emojax import cli


def add_number(parser: cli.Parser, name: str, default: int, text: str, *, low: int = 1) -> None:
    """Adds an option that is a whole number of at least `low`."""
    parser.add_argument(name, type=cli.whole_number(low), default=default, metavar="N", help=text)
