"""The one look of all figures: sizes, fonts, colour-blind safe colours, and the way a figure is written."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

DPI = 160
INK, MUTED, FAINT = "#1f2933", "#66717d", "#dfe4e9"
MISSING = "#eef0f2"

# Okabe and Ito's palette without its yellow, which does not show on white.
BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
PURPLE, SKY, GREY, BROWN = "#cc79a7", "#56b4e9", "#8b949e", "#7a4a1e"
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BROWN, GREY)
MARKERS = ("o", "^", "s", "D")  # one a round of the colours, so 32 classes stay apart
RIGHT, WRONG = BLUE, VERMILLION

NO_VALUE, MINUS = "\u2013", "\u2212"  # en dash and minus sign
CHECK, CROSS, TIMES = "\u2713", "\u2717", "\u00d7"


def _colour_map(name: str, *colours: str) -> Colormap:
    return LinearSegmentedColormap.from_list(name, colours).with_extremes(bad=MISSING)


SEQUENTIAL = _colour_map("sequential", "#ffffff", "#d3e4f1", "#8fbcdb", "#3c87bd", "#0f5a95", "#08315e")
DENSITY = _colour_map("density", "#bcd7ea", "#8fbcdb", "#3c87bd", "#0f5a95", "#08315e")  # one sample shows
DIVERGING = _colour_map(
    "diverging", "#8f3b00", "#d9854a", "#f4d6c0", "#ffffff", "#c4dcec", "#4f97c7", "#08497f"
)

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 9,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
}


@contextlib.contextmanager
def figure(path: str | pathlib.Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of `width` x `height` inches in the common style; written to `path` as PNG at the end."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(_RC):
        fig = Figure(figsize=(width, height), layout="constrained")
        fig.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.05)
        yield fig
        fig.draw_without_rendering()  # the layout takes a second look at legends that stand outside
        fig.savefig(path, dpi=DPI, metadata={"Software": None})


def heading(fig: Figure, text: str) -> None:
    """Title of a figure with several panels, at the left edge."""
    fig.suptitle(text, x=0.01, ha="left")


def titled(ax: Axes, title: str, note: str = "") -> None:
    """Title of a panel with a lighter second line."""
    ax.set_title(title, pad=20 if note else 8)
    if note:
        ax.annotate(
            note, (0, 1), (0, 6), "axes fraction", "offset points", color=MUTED, fontsize=8.5, va="bottom"
        )


def legend_above(ax: Axes, columns: int) -> None:
    """Legend in the title row, at the right edge."""
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, borderaxespad=0.3, columnspacing=1.4
    )


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index // len(COLOURS) % len(MARKERS)]


def count(n: int) -> str:
    """``N = 3,500``."""
    return f"N = {n:,}"


def signed(value: float, digits: int = 2, *, plus: bool = False) -> str:
    """`value` with a real minus sign and no negative zero; optionally with a plus sign."""
    text = f"{value:.{digits}f}"
    text = text.replace("-", MINUS) if float(text) else text.lstrip("-")
    return f"+{text}" if plus and value > 0 else text


def shorten(text: str, length: int = 18) -> str:
    """`text` cut to `length` characters with an ellipsis."""
    text = str(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def short_names(names: Sequence[str], length: int = 18) -> list[str]:
    return [shorten(name, length) for name in names]


def capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def text_colour(background) -> str:
    """Dark or white, whichever reads better on `background`."""
    red, green, blue = to_rgb(background[:3] if not isinstance(background, str) else background)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else INK


def say_empty(ax: Axes, text: str = "no data") -> None:
    """Marks a panel that has nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=MUTED, style="italic")
    hide(ax)


def hide(ax: Axes) -> None:
    """No ticks and no frame, for panels that hold a picture or nothing."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def finite_rows(*arrays) -> tuple[np.ndarray, ...]:
    """The rows ``[n]`` or ``[n, d]`` at which every array is finite."""
    arrays = tuple(np.asarray(a, np.float64) for a in arrays)
    keep = np.ones(len(arrays[0]), bool)
    for a in arrays:
        keep &= np.isfinite(a).all(axis=tuple(range(1, a.ndim)))
    return tuple(a[keep] for a in arrays)
