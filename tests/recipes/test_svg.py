"""A figure is one element in the colour of the text around it, without names that could clash."""

from __future__ import annotations

from matplotlib.figure import Figure

from ranvier.recipes.parts.svg import svg


def _draw(figure: Figure) -> None:
    figure.add_subplot().plot([1, 2], [3, 4], "o-", label="a")


def test_an_element_that_scales() -> None:
    picture = svg(_draw, 3, 2, "first", 'a "line"')
    assert picture.startswith("<svg role")
    assert picture.endswith("</svg>")
    assert 'aria-label="a &quot;line&quot;"' in picture
    assert "width=" not in picture.split("viewBox")[0]
    assert "currentColor" in picture
    assert "#010203" not in picture
    assert "<metadata" not in picture


def test_the_same_figure_gives_the_same_text_and_another_name_other_references() -> None:
    first, second = svg(_draw, 3, 2, "first", ""), svg(_draw, 3, 2, "second", "")
    assert first == svg(_draw, 3, 2, "first", "")
    assert first != second
