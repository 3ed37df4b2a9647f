"""One self-contained HTML page: pictures embedded, no scripts, nothing fetched."""

from __future__ import annotations

import base64
import dataclasses
import html
import math
import pathlib
import struct
from collections.abc import Mapping, Sequence

from emojax.files import write_text

_CSS = """
:root { color-scheme: light dark; --ink: #1f2933; --muted: #5b6672; --line: #dfe4e9; --page: #f6f7f9;
  --card: #ffffff; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --muted: #9aa5b1; --line: #303841;
  --page: #14181d; --card: #1c2127; --accent: #56b4e9; } figure img { filter: brightness(.92); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 78rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); }
p { max-width: 46rem; margin: .6rem 0; }
.subtitle { color: var(--muted); margin-top: .35rem; }
nav { margin: 1.25rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; font-size: .95rem; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
.keys { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.75rem 0 0; padding: 0; }
.keys div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem 1rem; }
.keys dt { color: var(--muted); font-size: .85rem; }
.keys dd { margin: 0; font-size: 1.55rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.keys small { display: block; font-size: .8rem; font-weight: 400; color: var(--muted); }
.pictures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; margin-top: 1rem;
  align-items: start; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  overflow: hidden; }
figure.wide { grid-column: 1 / -1; }
figure div { background: #ffffff; overflow-x: auto; }
figure img { display: block; width: 100%; height: auto; }
figcaption { padding: .7rem 1rem .8rem; font-size: .92rem; color: var(--muted); }
@media (max-width: 46rem) { .pictures { grid-template-columns: minmax(0, 1fr); }
  figure.wide img { min-width: 38rem; } main { padding-top: 1.25rem; } }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: .4rem; }
th, td { text-align: left; padding: .32rem 1.1rem .32rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td { overflow-wrap: anywhere; } td.number, th.number { text-align: right; }
thead th { font-weight: 600; } tbody th { font-weight: 400; }
summary { cursor: pointer; margin-top: 1rem; color: var(--accent); }
@media print { body { background: #fff; } nav { display: none; } figure { break-inside: avoid; } }
"""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG with its caption; a wide one takes the whole width of the page."""

    path: str | pathlib.Path
    caption: str
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells; numbers are aligned to the right, floats shown with four significant digits."""

    rows: Sequence[Sequence[object]]
    header: Sequence[str] = ()
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading with paragraphs (separated by empty lines), tables and pictures, in this order."""

    heading: str
    text: str = ""
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


def write_report(
    out_dir: str | pathlib.Path,
    title: str,
    sections: Sequence[Section],
    *,
    subtitle: str = "",
    key_figures: Mapping[str, object] | None = None,
    config: Mapping | None = None,
    provenance: Mapping[str, object] | None = None,
) -> pathlib.Path:
    """Writes ``index.html`` into `out_dir`; all texts are escaped.

    Args:
        out_dir: folder, made when missing.
        title: name of the page.
        sections: in order.
        subtitle: one line under the title, e.g. data set, split and protocol.
        key_figures: name -> value, or (value, note), e.g. ``("66.5 %", "published 66.46")``.
        config: nested config, shown flat with dotted names, folded.
        provenance: what made the page, e.g. checkpoint step, split hash, protocol, date, device.

    Returns:
        Path of the page.
    """
    sections = list(sections)
    if provenance:
        sections.append(Section("Provenance", tables=[Table(list(provenance.items()))]))
    body = [_header(title, subtitle, [s.heading for s in sections]), _key_figures(key_figures or {})]
    body += [_section(i, section) for i, section in enumerate(sections)]
    if config:
        table = _table(Table(list(_flat(config)), ("field", "value")))
        body.append(f"<details><summary>Config of the run</summary>{table}</details>")
    page = pathlib.Path(out_dir) / "index.html"
    write_text(
        page,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_CSS}</style></head>\n"
        f"<body><main>{''.join(body)}</main></body></html>\n",
    )
    return page


def _header(title: str, subtitle: str, headings: Sequence[str]) -> str:
    links = "".join(f'<a href="#s{i}">{html.escape(h)}</a>' for i, h in enumerate(headings))
    below = f'<p class="subtitle">{html.escape(subtitle)}</p>' if subtitle else ""
    return f"<header><h1>{html.escape(title)}</h1>{below}<nav>{links}</nav></header>\n"


def _key_figures(values: Mapping[str, object]) -> str:
    cards = []
    for name, value in values.items():
        value, note = value if isinstance(value, tuple) else (value, "")
        small = f"<small>{html.escape(str(note))}</small>" if note else ""
        cards.append(f"<div><dt>{html.escape(name)}</dt><dd>{_cell_text(value)}{small}</dd></div>")
    return f'<dl class="keys">{"".join(cards)}</dl>\n' if cards else ""


def _section(number: int, section: Section) -> str:
    paragraphs = "".join(f"<p>{html.escape(p.strip())}</p>" for p in section.text.split("\n\n") if p.strip())
    tables = "".join(_table(table) for table in section.tables)
    pictures = "".join(_picture(picture) for picture in section.pictures)
    grid = f'<div class="pictures">{pictures}</div>' if pictures else ""
    heading = f'<h2 id="s{number}">{html.escape(section.heading)}</h2>'
    return f"<section>{heading}{paragraphs}{tables}{grid}</section>\n"


def _picture(picture: Picture) -> str:
    data = pathlib.Path(picture.path).read_bytes()
    width, height = struct.unpack(">II", data[16:24])  # of the PNG header, so the page does not jump
    caption = html.escape(picture.caption)
    image = (
        f'<img alt="{caption}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    )
    kind = ' class="wide"' if picture.wide else ""
    return f"<figure{kind}><div>{image}</div><figcaption>{caption}</figcaption></figure>\n"


def _table(table: Table) -> str:
    caption = f"<caption>{html.escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(
        f"<th{_align(table, i)}>{html.escape(str(name))}</th>" for i, name in enumerate(table.header)
    )
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_align(table, i)}>{_cell_text(cell)}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for row in table.rows
    )
    return f'<div class="scroll"><table>{caption}{head}<tbody>{rows}</tbody></table></div>'


def _align(table: Table, column: int) -> str:
    """Right when a column holds numbers only."""
    cells = [row[column] for row in table.rows if column < len(row)]
    numeric = bool(cells) and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in cells)
    return ' class="number"' if numeric else ""


def _cell_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return html.escape(str(value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if math.isfinite(value) else "&ndash;"


def _flat(tree: Mapping, prefix: str = ""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
