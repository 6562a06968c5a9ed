"""Bundles with one bit flipped or one file cut short: none of them may answer (T2)."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import bad_bundles
import many_forests
import requests
import servers
import trained_forest
from bad_bundles import Damage
from goals import Pace, Row

from trainer import publishing

FLIPS, CUTS = 1_000, 1_000
_AT_ONCE = 100
_ROWS = 300


def corrupt(pace: Pace) -> Iterator[Row]:
    """Corrupt bundles of many tools, serve them beside a good one, and ask each."""
    dice = random.Random(5)
    for what, damage, count in (("flipped bits", bad_bundles.flip, FLIPS), ("files cut short", bad_bundles.cut, CUTS)):
        total, found = pace.count(count), Counter[str]()
        for first in range(0, total, _AT_ONCE):
            found += _asked(damage, min(_AT_ONCE, total - first), dice)
        told = f"{found['refused']:,} refused, {found['answered']} answered, {found['crashes']} crashes"
        yield Row(f"{total:,} bundles with {what}", told, f"{total:,} refused, 0, 0", found == {"refused": total})


def _asked(damage: Damage, count: int, dice: random.Random) -> Counter[str]:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        good, *bad = many_forests.publish(trained_forest.train(most=_ROWS), root, count + 1)
        for tool in bad:
            damage(dice.choice(bad_bundles.files(root / publishing.folder_name(tool))), dice)
        with servers.ours(root) as us, requests.Session() as session:
            statuses = {tool: _status(session, us.url, tool) for tool in [*bad, good]}
            is_well = us.is_alive and statuses.pop(good) == 200
    refused = sum(status in (404, 503) for status in statuses.values())
    return +Counter(refused=refused, answered=count - refused, crashes=int(not is_well))


def _status(session: requests.Session, url: str, tool: str) -> int:
    try:
        return session.post(f"{url}/v1/predict", json={"tool_id": tool}, timeout=30).status_code
    except requests.RequestException:
        return 0
