"""The pieces of a page: every function returns HTML with its texts escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

__all__ = ["code", "document", "figure", "join", "paragraph", "section", "table", "tiles"]


def document(title: str, lead: str, body: str) -> str:
    """A page that needs nothing but itself."""
    style = files("ranvier.recipes.parts").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n</header>\n{body}\n</main>\n</body>\n</html>\n'
    )


def section(heading: str, *parts: str, level: int = 2) -> str:
    """A heading and what belongs under it."""
    return f"<section>\n<h{level}>{escape(heading)}</h{level}>\n{join(parts)}\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; ``kind`` is a class of the style sheet."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def code(text: str) -> str:
    """Text as it stands, in a fixed width."""
    return f'<pre tabindex="0"><code>{escape(text.strip())}</code></pre>'


def figure(picture: str, caption: str, kind: str = "") -> str:
    """An SVG with its caption."""
    return f"<figure{_class(kind)}>\n{picture}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def tiles(values: Iterable[tuple[str, str, str]]) -> str:
    """Large figures side by side: (number, what it is, remark)."""
    made = (
        f"<div><dt>{escape(what)}</dt><dd><strong>{escape(number)}</strong><span>{escape(remark)}</span></dd></div>"
        for number, what, remark in values
    )
    return f'<dl class="tiles">\n{join(made)}\n</dl>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], foot: Iterable[Sequence[str]] = (), kind: str = "numbers"
) -> str:
    """A table; the first column names the row. ``kind`` ``numbers`` aligns the others to the right."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    below = f"<tfoot>{_rows(foot)}</tfoot>\n" if (foot := list(foot)) else ""
    return (
        f'<div class="scroll" tabindex="0">\n<table{_class(kind)}>\n<thead><tr>{top}</tr></thead>\n'
        f"<tbody>{_rows(rows)}</tbody>\n{below}</table>\n</div>"
    )


def join(parts: Iterable[str]) -> str:
    """Pieces one after the other."""
    return "\n".join(parts)


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""
