"""The self-help guides: Markdown with YAML front matter in `support/guides/`, read once per process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import markdown
import nh3
import yaml

from resilience.errors import CATALOGUE

FOLDER = Path(__file__).parent / "guides"
_FENCE = "---"
_TAGS = {"p", "h2", "h3", "ol", "ul", "li", "strong", "em", "a", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "kbd", "br", "hr"}


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide. `html` is clean: it may go into a page as it is."""

    slug: str
    title: str
    summary: str
    codes: tuple[str, ...]
    html: str
    text: str  # title, summary and body in lower case, for searching


@functools.cache
def all_guides() -> tuple[Guide, ...]:
    """Every guide, by title."""
    return tuple(sorted((_read(path) for path in FOLDER.glob("*.md")), key=lambda guide: guide.title))


def guide(slug: str) -> Guide | None:
    """One guide, or None when there is none of this name."""
    return next((found for found in all_guides() if found.slug == slug), None)


def search(query: str) -> tuple[Guide, ...]:
    """The guides that hold every word of a query, those with most of them in title and summary first."""
    words = query.casefold().split()
    found = [one for one in all_guides() if all(word in one.text for word in words)]
    return tuple(sorted(found, key=lambda one: -sum(word in f"{one.title} {one.summary}".casefold() for word in words)))


def guide_for(code: str) -> Guide | None:
    """The guide that helps with an error: the one its entry names, else one that lists its code."""
    named = guide(CATALOGUE.get(code).guide)
    return named or next((found for found in all_guides() if code in found.codes), None)


def _read(path: Path) -> Guide:
    head, body = path.read_text().removeprefix(_FENCE).split(f"\n{_FENCE}\n", 1)
    matter = yaml.safe_load(head)
    html = markdown.markdown(body, extensions=["sane_lists", "tables"], output_format="html")
    return Guide(
        slug=path.stem,
        title=matter["title"],
        summary=matter["summary"],
        codes=tuple(matter["codes"]),
        text=f"{matter['title']} {matter['summary']} {body}".casefold(),
        html=nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"}),
    )
