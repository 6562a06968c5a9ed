"""Files and jobs of the harness's test tool in a Galaxy that runs, by its API; several may run at the same time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

# on a machine that others use; alone it takes less than 30
JOB_SECONDS = 600
_ENDED = frozenset({"ok", "error", "deleted", "paused", "failed", "discarded", "failed_metadata"})
_ADMIN = "admin@example.org"
_DBKEY = "hg19"
# of the second file, which is the same for every job
SECOND_BYTES = 500_000


@dataclass(frozen=True)
class ApiJob:
    """A job that has ended, as the API tells of it."""

    external_id: str
    state: str
    states: tuple[str, ...]
    seconds: float
    params: Mapping[str, str]
    metrics: Mapping[str, float]


class GalaxyClient:
    """The API of a Galaxy, with the key of an administrator who is a user and has a history.

    Parameters
    ----------
    url : str
        Where Galaxy listens.
    bootstrap_key : str
        Its `bootstrap_admin_api_key`, which belongs to nobody and cannot own a file.
    """

    def __init__(self, url: str, bootstrap_key: str) -> None:
        self.url, self.key = url, bootstrap_key
        self.key = self._user_key()
        self._history = self._post("histories", {"name": "jobs"})["id"]
        self._files: dict[tuple[str, int], str] = {}

    def upload(self, sizes_bytes: Sequence[int]) -> None:
        """Upload tables of these sizes and the second file in one job of Galaxy's: each such job takes 16 s of CPU."""
        wanted = [("tabular", size_bytes) for size_bytes in sizes_bytes] + [("txt", SECOND_BYTES)]
        missing = [file for file in wanted if file not in self._files]
        if not missing:
            return
        target = {"destination": {"type": "hdas"}, "elements": [_element(*file) for file in missing]}
        made = self._post("tools/fetch", {"history_id": self._history, "targets": [target]})["outputs"]
        for file, output in zip(missing, made, strict=True):
            self._files[file] = output["id"]
            self._until_ended(f"histories/{self._history}/contents/{output['id']}", [])

    def submit(self, tool: str, mem_mb: int, size_bytes: int, seconds: float = 1.0) -> str:
        """Let a tool take so much memory for so long, and return the id of its job."""
        self.upload([size_bytes])
        files = {"input1": self._files["tabular", size_bytes], "input2": self._files["txt", SECOND_BYTES]}
        inputs = {name: {"src": "hda", "id": file_id} for name, file_id in files.items()}
        told = {"history_id": self._history, "tool_id": tool}
        made = self._post("tools", {**told, "inputs": {**inputs, "mem_mb": mem_mb, "seconds": seconds}})
        return str(made["jobs"][0]["id"])

    def state(self, job_id: str) -> str:
        """Return what Galaxy calls the state of a job now."""
        return str(self._get(f"jobs/{job_id}")["state"])

    def wait(self, job_id: str) -> ApiJob:
        """Wait for the end of a job."""
        begun = time.monotonic()
        states: list[str] = []
        job = self._until_ended(f"jobs/{job_id}", states)
        return ApiJob(
            external_id=str(job["external_id"]),
            state=job["state"],
            states=tuple(states),
            seconds=round(time.monotonic() - begun, 1),
            params=self._get(f"jobs/{job_id}/destination_params"),
            metrics={
                one["name"]: float(one["raw_value"]) for one in self._get(f"jobs/{job_id}/metrics") if _number(one)
            },
        )

    def _until_ended(self, path: str, states: list[str]) -> Mapping[str, Any]:
        deadline = time.monotonic() + JOB_SECONDS
        while True:
            found: Mapping[str, Any] = self._get(path)
            if found["state"] not in states[-1:]:
                states.append(found["state"])
            if found["state"] in _ENDED:
                return found
            assert time.monotonic() < deadline, f"{path} is still {found['state']}"
            time.sleep(0.5)

    def _user_key(self) -> str:
        users = [user["id"] for user in self._get("users") if user["email"] == _ADMIN]
        account = {"username": "gxadmin", "email": _ADMIN, "password": "harness-pw-1"}
        user_id = users[0] if users else self._post("users", account)["id"]
        return str(self._get(f"users/{user_id}/api_key"))

    def _get(self, path: str) -> Any:
        return self._json(requests.get(f"{self.url}/api/{path}", headers={"x-api-key": self.key}, timeout=60))

    def _post(self, path: str, told: Mapping[str, Any]) -> Any:
        where = f"{self.url}/api/{path}"
        return self._json(requests.post(where, json=told, headers={"x-api-key": self.key}, timeout=60))

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.url}: {answer.status_code} {answer.text[:800]}"
        return answer.json()


def _element(extension: str, size_bytes: int) -> Mapping[str, str]:
    line = "chr1\t1\t2\tx\n"
    content = (line * (size_bytes // len(line) + 1))[:size_bytes]
    name = f"{size_bytes}.{extension}"
    return {"src": "pasted", "paste_content": content, "name": name, "ext": extension, "dbkey": _DBKEY}


def _number(metric: Mapping[str, Any]) -> bool:
    return metric["plugin"] in ("core", "cgroup")
