"""The field guides on paper: two pages of A4, by headless Chromium.

usage: python -m tests.rig.guide FOLDER    exits 1 where one is more, or wider than the paper

The Chinese one needs a font (Debian: fonts-noto-cjk).
"""

import re
import sys
import tempfile
from pathlib import Path

from tests.rig.chromium import tab

GUIDES = sorted((Path(__file__).parents[2] / "docs").glob("field-guide*.md"))
PAGES = 2
PAGE = re.compile(rb"/Type\s*/Page\b")
PIXELS = 96 / 25.4  # For each millimetre.
MARGIN_MM, WIDTH_MM, HEIGHT_MM = 11, 210, 297
STYLE = f"""
@page {{ size: A4; margin: {MARGIN_MM}mm }}
body {{ font: 9.5pt/1.24 "DejaVu Sans", Arial, sans-serif; margin: 0 }}
h1 {{ font-size: 13pt; margin: 0 0 4px }}
h2 {{ font-size: 10.5pt; margin: 5px 0 2px }}
p {{ margin: 3px 0 }}
pre {{ font: 7.9pt/1.1 "DejaVu Sans Mono", monospace; margin: 5px 0; padding-left: 6px;
       border-left: 3px solid #999; break-inside: avoid }}
code {{ font-family: "DejaVu Sans Mono", monospace; font-size: 92% }}
pre code {{ font-size: inherit }}
table {{ border-collapse: collapse; margin: 3px 0 }}
td, th {{ border: 1px solid #999; padding: 1px 5px; text-align: left }}
tr {{ break-inside: avoid }}
"""


def printed(source: Path, target: Path) -> str:
    """Print a guide; give in a line what came of it."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark").enable("table").render(source.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, tab() as browser:
        page = Path(folder) / "guide.html"
        page.write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}", "utf-8")
        inner = round((WIDTH_MM - 2 * MARGIN_MM) * PIXELS)
        browser.open(page, inner, round(HEIGHT_MM * PIXELS))
        wide = browser.run("document.documentElement.scrollWidth")
        paper = browser.pdf()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(paper)
    pages = len(PAGE.findall(paper))
    assert pages <= PAGES, f"{source.name}: {pages} pages, at most {PAGES}"
    assert wide <= inner, f"{source.name}: {wide} pixels wide, the paper has {inner}"
    return f"{source.name}: {pages} pages of A4"


if __name__ == "__main__":
    print("; ".join(printed(each, Path(sys.argv[1], f"{each.stem}.pdf")) for each in GUIDES))
