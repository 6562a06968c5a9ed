"""An administrator's page of a tool that nobody recorded, and how what is written of it is read."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np

from trainer.page_facts import CapPoint, PolicyLine, ToolPage


def sample(tool: str = "bowtie2", jobs: int = 1200, seed: int = 1) -> ToolPage:
    """A tool whose peaks follow its inputs with a log-normal spread, confined to 30 GB."""
    random = np.random.default_rng(seed)
    inputs = random.lognormal(np.log(2e9), 1.4, jobs)
    needs = 3e8 + 1.1 * inputs * random.lognormal(0, 0.35, jobs)
    limit_bytes = 30e9
    requests = np.minimum(3.5e8 + 1.1 * inputs * 1.8, limit_bytes) * random.lognormal(0, 0.08, jobs)
    wastage = {"ours": 812.4, "0.95 quantile of the tool": 3310.0, "TPV shared database": 5290.0, "mean + 20 %": 1040.6}
    policies = [
        PolicyLine(name, 1 + gbh / 2400, gbh, 0.041, (0.031, 0.054), 1.04, 1.3 + gbh / 2400, name.startswith("TPV"))
        for name, gbh in wastage.items()
    ]
    caps = ((0.01, 1390.0, 0.008), (0.02, 1101.0, 0.018), (0.05, 812.4, 0.041), (0.1, 760.0, 0.09), (0.2, 742.0, 0.17))
    curve = [CapPoint(cap, 1 + gbh / 2400, gbh, achieved) for cap, gbh, achieved in (*caps, (None, 739.0, 0.21))]
    return ToolPage(
        tool=tool,
        jobs=jobs,
        model="ExtraTreesRegressor",
        choice="0.95 quantile x 1.05 of forest",
        failure_cap=0.05,
        achieved_failure=0.041,
        achieved_interval=(0.031, 0.054),
        rel=1.34,
        dropped={"no peak recorded": 31, "failed for another reason than memory": 12},
        flagged={"peak is more than 8 x the memory assigned": 3},
        input_bytes=inputs,
        peaks_bytes=np.minimum(needs, limit_bytes),
        requests_bytes=requests,
        censored=needs > limit_bytes,
        limit_bytes=limit_bytes,
        policies=policies,
        cap_curve=curve,
    )


def parsed(svg: str) -> ElementTree.Element:
    """Read our own SVG, as strictly as a file of its own is read."""
    return ElementTree.fromstring(svg)  # noqa: S314


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements with their attributes, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, tag: str, attribute: str) -> list[str | None]:
        """The values of an attribute of all elements with a tag."""
        return [attributes.get(attribute) for name, attributes in self.elements if name == tag]
