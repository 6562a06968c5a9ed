"""What Galaxy's API answers, and what its GRT script writes, of the jobs in a database."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from galaxy_database import Filled
from sqlalchemy import select

KEY = "0123456789abcdef"


def encoded(number: int) -> str:
    """Return an id as the API has it."""
    return f"{number:016x}"


class Answers:
    """The answers about the jobs of a database.

    Parameters
    ----------
    galaxy : Filled
        The database.
    is_admin : bool
        Whether it is an administrator who asks: what a job used of memory is only for them.
    """

    def __init__(self, galaxy: Filled, *, is_admin: bool = True) -> None:
        self._galaxy, self._is_admin = galaxy, is_admin

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        """Return rows of a table in the order of their ids."""
        found = self._galaxy.table(table)
        wanted = select(found).where(*(found.c[name] == value for name, value in equal.items())).order_by(found.c.id)
        with self._galaxy.engine.connect() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    def jobs(
        self, state: Sequence[str], date_range_min: str, date_range_max: str, limit: str, offset: str
    ) -> list[dict[str, Any]]:
        """``GET /api/jobs``: the newest first."""
        found = [job for job in self.rows("job") if job["state"] in state]
        found = [job for job in found if date_range_min <= job["update_time"].isoformat() <= date_range_max]
        found.sort(key=lambda job: job["update_time"], reverse=True)
        return [self._job(job) for job in found[int(offset) :][: int(limit)]]

    def job(self, job_id: str) -> dict[str, Any]:
        """``GET /api/jobs/{id}?full=true``."""
        [job] = self.rows("job", id=int(job_id, 16))
        inputs = {
            **self._datasets("job_to_input_dataset", "dataset_id", "hda", job["id"]),
            **self._datasets("job_to_input_library_dataset", "ldda_id", "ldda", job["id"]),
        }
        params = {row["name"]: row["value"] for row in self.rows("job_parameter", job_id=job["id"])}
        told = {
            **self._job(job),
            "params": {name: value for name, value in params.items() if name not in inputs},
            "inputs": inputs,
            "outputs": self._datasets("job_to_output_dataset", "dataset_id", "hda", job["id"]),
            "stderr": job["job_stderr"],
        }
        if self._is_admin:
            admins = {"user_email": "jane@example.org", "command_line": job["command_line"], "traceback": None}
            told |= {**admins, "job_metrics": self.metrics(job_id)}
        return told

    def metrics(self, job_id: str) -> list[dict[str, Any]]:
        """``GET /api/jobs/{id}/metrics``; the database gives seven decimals."""
        found = self.rows("job_metric_numeric", job_id=int(job_id, 16))
        return [
            {"title": "?", "value": "?", "plugin": row["plugin"], "name": row["metric_name"],
             "raw_value": f"{row['metric_value']:.7f}" if row["metric_value"] else "0E-7"}
            for row in found
            if self._is_admin or not row["metric_name"].startswith("memory.")
        ]  # fmt: skip

    def params(self, job_id: str) -> dict[str, Any]:
        """``GET /api/jobs/{id}/destination_params``."""
        [job] = self.rows("job", id=int(job_id, 16))
        runner = {"Runner": job["job_runner_name"], "Runner Job ID": None, "Handler": job["handler"]}
        return {**runner, **json.loads(job["destination_params"] or b"{}")}

    def dataset(self, dataset_id: str, kind: str) -> dict[str, Any]:
        """``GET /api/datasets/{id}``."""
        found, stored = self._stored(int(dataset_id, 16), kind)
        build = json.loads(found["metadata"])["dbkey"]
        return {
            "id": dataset_id,
            "hda_ldda": kind,
            "name": found["name"],
            "extension": found["extension"],
            "file_size": None if stored["file_size"] is None else int(stored["file_size"]),
            "genome_build": build[0] if isinstance(build, list) else build,
            "misc_info": found.get("info"),
        }

    def all_documents(self) -> Iterator[dict[str, Any]]:
        """Yield the answers for all jobs and their datasets, with what an administrator's other answers add."""
        for job in self.rows("job"):
            told = self.job(encoded(job["id"]))
            yield {**told, "destination_params": self.params(told["id"])}
            yield from (self.dataset(entry["id"], entry["src"]) for entry in told["inputs"].values())

    def report(self, path: Path) -> None:
        """Write a GRT report of the version that still had parameters."""
        tables = {
            "jobs": ["id\ttool_id\ttool_version\tstate\tcreate_time"],
            "datasets": ["job_id\tdataset_id\textension\tfile_size\tparam_name\ttype"],
            "metric_num": ["job_id\tplugin\tname\tvalue"],
            "params": ["job_id\tname\tvalue"],
        }
        for job in self.rows("job"):
            number = job["id"]
            tables["jobs"].append(
                _line(job[name] for name in ("id", "tool_id", "tool_version", "state", "create_time"))
            )
            # those of libraries are not in it
            for name, entry in self._datasets("job_to_input_dataset", "dataset_id", "hda", number).items():
                found, stored = self._stored(int(entry["id"], 16), "hda")
                size = stored["total_size"]
                told = (number, found["id"], found["extension"], -1 if size is None else int(size), name, "input")
                tables["datasets"].append(_line(told))
            for metric in self.metrics(encoded(number)):
                tables["metric_num"].append(_line((number, "cgroup", metric["name"], metric["raw_value"])))
            for row in self.rows("job_parameter", job_id=number):
                tables["params"].append(_line((number, row["name"], row["value"])))
        with tarfile.open(path, "w:gz") as archive:
            for table, lines in tables.items():
                content = "".join(f"{line}\n" for line in lines).encode()
                member = tarfile.TarInfo(f"reports/1767603605.{table}.tsv")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

    @staticmethod
    def _job(job: Mapping[str, Any]) -> dict[str, Any]:
        # neither the version nor the info of its table: what Galaxy 26.1 answers, as make test-galaxy-server shows
        names = ("state", "exit_code", "tool_id")
        times = {name: job[name].isoformat() for name in ("create_time", "update_time")}
        return {"model_class": "Job", "id": encoded(job["id"]), **{name: job[name] for name in names}, **times}

    def _datasets(self, table: str, column: str, kind: str, job: int) -> dict[str, Any]:
        told = {}
        for row in self.rows(table, job_id=job):
            uuid = self._stored(row[column], kind)[1]["uuid"]
            told[row["name"]] = {"id": encoded(row[column]), "src": kind, "uuid": uuid}
        return told

    def _stored(self, number: int, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        table = {"hda": "history_dataset_association", "ldda": "library_dataset_dataset_association"}[kind]
        [found] = self.rows(table, id=number)
        [stored] = self.rows("dataset", id=found["dataset_id"])
        return found, stored


def _line(cells: Any) -> str:
    return "\t".join(str(cell) for cell in cells)


class Api:
    """A server that gives the answers, and counts what it was asked.

    Parameters
    ----------
    answers : Answers
        What it knows.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[str] = []
        # by path, what is answered instead of the truth, once each: a status, or a text
        self.instead: dict[str, list[int | str]] = {}

    def answer(self, path: str, query: Mapping[str, list[str]], key: str | None) -> tuple[int, str]:
        """Return status and body."""
        self.asked.append(path)
        if self.instead.get(path):
            given = self.instead[path].pop(0)
            return (given, "{}") if isinstance(given, int) else (200, given)
        if key != KEY:
            return 401, json.dumps({"err_msg": "Provided API key is not valid."})
        return 200, json.dumps(self._found(path.removeprefix("/api/").split("/"), query))

    def _found(self, parts: list[str], query: Mapping[str, list[str]]) -> Any:
        one = {name: values[0] for name, values in query.items() if name != "state"}
        if parts == ["jobs"]:
            return self.answers.jobs(query["state"], **one)
        if parts[0] == "datasets":
            return self.answers.dataset(parts[1], one["hda_ldda"])
        kinds = {"metrics": self.answers.metrics, "destination_params": self.answers.params}
        return kinds[parts[2]](parts[1]) if len(parts) > 2 else self.answers.job(parts[1])


@contextmanager
def served(api: Api) -> Iterator[str]:
    """Run the server for the length of a test, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = api.answer(parts.path, parse_qs(parts.query), self.headers.get("x-api-key"))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
