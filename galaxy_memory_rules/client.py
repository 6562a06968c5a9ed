"""Asks the prediction service: one POST under one total deadline."""

import json
import os
import threading

import requests
from urllib3.exceptions import HTTPError

from .deadline import DeadlineAdapter, within
from .errors import InvalidMessage, PredictionUnavailable, UnknownTool
from .messages import JobDescription, MemoryRecommendation, parse_recommendation, read_json

MAX_ANSWER_BYTES = 64 * 1024
_PART_BYTES = 16 * 1024
# A packed body could grow without end when it is unpacked; ours is small.
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}


class PredictionClient:
    """The one seam between a job and the service.

    Parameters
    ----------
    service_url : str
        Where the service listens, ``http://host:port``.
    deadline_seconds : float
        For name resolution, connection, request, headers and body together.

    Notes
    -----
    Connections are kept, one for each thread and process: a forked Galaxy handler must not share its parent's.
    Redirects are not followed and the environment's proxies are not used, so that sizes and tool parameters go
    where the administrator said and nowhere else.
    """

    def __init__(self, service_url: str, deadline_seconds: float) -> None:
        self._url = f"{service_url.rstrip('/')}/v1/predict"
        self._deadline_seconds = deadline_seconds
        self._local = threading.local()

    def predict(self, job: JobDescription) -> MemoryRecommendation:
        """Ask what to request for a job.

        Raises
        ------
        UnknownTool
            If the service has no bundle for the job's tool.
        PredictionUnavailable
            If there is no usable answer before the deadline.
        """
        try:
            with within(self._deadline_seconds):
                status, body = self._exchange(json.dumps(job.to_dict()).encode())
            return _read_answer(status, body)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise PredictionUnavailable(f"{self._url}: {_innermost(error)}") from error
        except InvalidMessage as error:
            raise PredictionUnavailable(f"{self._url}: answered what is no recommendation: {error}") from error

    def close(self) -> None:
        """Close the connections of the calling thread."""
        self._session().close()

    def _exchange(self, message: bytes) -> tuple[int, bytes]:
        response = self._session().post(
            self._url,
            data=message,
            headers=_HEADERS,
            stream=True,
            allow_redirects=False,
            timeout=self._deadline_seconds,
        )
        try:
            body = b""
            # as it came over the wire: whatever it says of its encoding, it is not unpacked
            while len(body) <= MAX_ANSWER_BYTES and (part := response.raw.read(_PART_BYTES, decode_content=False)):
                body += part
        finally:
            # gives a connection that was read to its end back to the pool, and drops any other
            response.close()
        if len(body) > MAX_ANSWER_BYTES:
            raise PredictionUnavailable(f"{self._url}: answered more than {MAX_ANSWER_BYTES:,} bytes")
        return response.status_code, body

    def _session(self) -> requests.Session:
        process = os.getpid()
        if getattr(self._local, "process", None) != process:
            session = requests.Session()
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, DeadlineAdapter(max_retries=0))
            self._local.session, self._local.process = session, process
        found: requests.Session = self._local.session
        return found


def _innermost(error: Exception) -> str:
    """Return what went wrong, out of the layers that requests and urllib3 put around it."""
    wrapped = error.args[0] if error.args else None
    reason = getattr(wrapped, "reason", None) or error
    return f"{type(reason).__name__}: {reason}"


def _read_answer(status: int, body: bytes) -> MemoryRecommendation:
    if status == 200:
        return parse_recommendation(read_json(body))
    message = _error_of(body)
    if status == 404 and message.get("error") == "unknown_tool":
        raise UnknownTool(str(message.get("message", "unknown tool")))
    raise PredictionUnavailable(f"the service answered {status} {str(message.get('message', ''))[:200]!r}")


def _error_of(body: bytes) -> dict[str, object]:
    try:
        message = read_json(body)
    except InvalidMessage:
        return {}
    return message if isinstance(message, dict) else {}
