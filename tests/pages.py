"""What every page must keep: nesting, and nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "wbr", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Parses a page and checks the nesting on the way.

    `words` is all text outside of style sheets, `tags` what was opened, `ids` all ids.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert self.open and "svg" in self.open, f"<{tag}/> outside of SVG"
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words, white space evened out."""
        return " ".join("".join(f" {one} " for one in self.words).split())


def check_page(page: str) -> Page:
    """Nesting, single ids, targets of links, and that nothing is loaded or run."""
    parsed = Page(page)
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in parsed.tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "base", "form", "video"}
        for name, value in attrs.items():
            assert not name.startswith("on"), f"{tag} {name}"
            if name in {"src", "srcset", "href", "xlink:href", "action", "data", "poster"}:
                inner = value is not None and (value.startswith("data:image/") or value[1:] in ids)
                assert inner, f"{tag} {name}={value!r:.80}"
    style = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page
    return parsed
