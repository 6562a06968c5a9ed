"""One HTML file, and its plots beside it, that an administrator reads before switching the memory rule on."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from . import plots
from .page_facts import ToolPage
from .page_sections import escaped, section, summary
from .written import put

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2530;--soft:#5a6573;--line:#d5dae1;--back:#fff;--card:#f6f8fa;--ours:#e3f4ec}
@media (prefers-color-scheme:dark){
:root{--ink:#e3e8ee;--soft:#9faab8;--line:#39424e;--back:#14181d;--card:#1b2027;--ours:#173528}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem 1rem 4rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1,h2,h3{line-height:1.2;margin:1.6em 0 .5em}h1{margin-top:0}h2{border-top:1px solid var(--line);padding-top:1.2em}
p,li{max-width:46rem}.soft,figcaption{color:var(--soft)}a{color:inherit}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
th,td{padding:.35rem .8rem .35rem 0;text-align:right;border-bottom:1px solid var(--line);overflow-wrap:normal}
th{font-weight:600;vertical-align:bottom}th[scope=row],th.text{text-align:left}
th[scope=row]{font-weight:400;min-width:9rem;overflow-wrap:anywhere}tr.ours{background:var(--ours)}
tr.ours th{font-weight:600}td{white-space:nowrap}td,th[scope=row]{vertical-align:baseline}
.plots{columns:2 24rem;column-gap:1rem}
figure{margin:0 0 1rem;padding:.8rem;background:var(--card);border-radius:.5rem;break-inside:avoid}
figure svg{display:block;width:100%;height:auto;max-width:40rem;margin:0 auto}
figure svg text{font-family:system-ui,"DejaVu Sans",sans-serif!important}
figcaption{font-size:.88rem;margin-top:.5rem}
@media print{body{max-width:none;padding:0;font-size:11pt}.wide{overflow:visible}.plots{columns:2 auto}
h2{break-before:page;border:0}}
"""
_CHOOSING = """<h2>Choosing the cap</h2>
<p>The cap is the share of jobs that may run out of memory at their first attempt. Such a job is killed and tried
again with twice as much: the user waits longer, and all that the first attempt held is lost. A low cap fails few jobs,
but asks for more than most of them need, so that fewer run side by side. Follow the curve of a tool from left to
right: as long as it falls steeply, a higher cap frees much memory; where it is flat, take the lower cap, for it costs
next to nothing. Choose a low cap where jobs run for days or people wait for them, a higher one where jobs are short
and many. Where the achieved rate lies above the promised one, record more jobs before you rely on it.</p>
<h3>Words</h3>
<p class="soft">1 GB is 10<sup>9</sup> bytes. Wastage is memory that was requested and not used, over the time for which
it was held (GB·h), or for each job alike where run times are unknown (GB·job). rel is (used + wasted) / used memory: 1
would be perfect, 2 wastes a byte for each byte used. An interval made this way
holds the true rate in 95 of 100 cases.</p>"""


def render(pages: Sequence[ToolPage], written: str) -> str:
    """Return the page as HTML that needs nothing else: no script, no font, no other file.

    Parameters
    ----------
    pages : sequence of ToolPage
        The tools, in the order in which they are shown.
    written : str
        When and by whom, for the line below the heading.
    """
    return _html(pages, _drawn(pages), written)


def _drawn(pages: Sequence[ToolPage]) -> list[dict[str, str]]:
    """Return the plots of each tool by name; no two of them have an id in common."""
    return [
        {name: plots.draw(page, name, f"t{number}-{name}-") for name in plots.names(page)}
        for number, page in enumerate(pages, 1)
    ]


def _html(pages: Sequence[ToolPage], drawn: Sequence[Mapping[str, str]], written: str) -> str:
    sections = "\n".join(section(page, number, drawn[number - 1]) for number, page in enumerate(pages, 1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>What the memory rule would request</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>What the memory rule would request</h1>
<p class="soft">{escaped(written)}. All rates and wastage are those of jobs that the model had not seen.</p>
{summary(pages)}
{sections}
{_CHOOSING}
</body>
</html>
"""


def write(pages: Sequence[ToolPage], path: Path, written: str | None = None) -> None:
    """Write the page, and its plots as SVG files into the folder ``<stem>_plots`` beside it, each file in one piece.

    Parameters
    ----------
    pages : sequence of ToolPage
        The tools, in the order in which they are shown.
    path : Path
        The HTML file.
    written : str, optional
        The line below the heading; the time of day in UTC where it is left out.

    Raises
    ------
    ConfigError
        If a file cannot be written.
    """
    drawn = _drawn(pages)
    html = _html(pages, drawn, written or f"Written {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC")
    folder = path.with_name(f"{path.stem}_plots")
    for slug, svgs in zip(slugs([page.tool for page in pages]), drawn):
        for name, svg in svgs.items():
            put(folder / f"{slug}-{name}.svg", svg, "--report")
    # last: a new page has all of its plots beside it
    put(path, html, "--report")


def slugs(tools: Sequence[str]) -> list[str]:
    """Name a file after each tool: lower-case letters, digits, dots and hyphens, no two alike."""
    found: list[str] = []
    for tool in tools:
        slug = re.sub(r"[^a-z0-9.]+", "-", tool.lower())[-80:].strip("-.") or "tool"
        taken = sum(slug == other or other.startswith(f"{slug}--") for other in found)
        found.append(f"{slug}--{taken + 1}" if taken else slug)
    return found
