"""The planner in a real process: others are answered while it works."""

import threading
from pathlib import Path
from typing import Any

import requests
import serving

# many enough that a plan takes a while
_ROWS = 5_000


def csv_text() -> str:
    return "tool,count,input_1,run_seconds\n" + "".join(f"tool,2,{1000 * row},60\n" for row in range(_ROWS))


def ask(url: str, answers: list[Any]) -> None:
    answers.append(requests.post(f"{url}/v1/plan", json={"csv": csv_text()}, timeout=60))


def test_health_is_told_while_a_plan_is_made(models: Path) -> None:
    answers: list[requests.Response] = []
    with serving.served(models) as url:
        asking = threading.Thread(target=ask, args=(url, answers))
        asking.start()
        meanwhile = 0
        while asking.is_alive():
            assert requests.get(f"{url}/health/ready", timeout=30).status_code == 200
            meanwhile += 1
        asking.join()
        assert (
            'gmr_requests_total{route="/v1/plan",status="200"} 1.0' in requests.get(f"{url}/metrics", timeout=30).text
        )
    assert answers[0].status_code == 200
    assert (answers[0].json()["jobs"], answers[0].json()["distinct_jobs"]) == (2 * _ROWS, _ROWS)
    # one at the beginning, and one at the end, would come in any case
    assert meanwhile > 3
