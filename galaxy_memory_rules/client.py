"""Asks the prediction service: one POST under one total deadline, and none where an answer is not to be expected."""

import json
import os
import threading
from typing import Optional

import requests
from urllib3.exceptions import HTTPError

from .answers import Answer, read_answer
from .breaker import Breaker
from .deadline import DeadlineAdapter, StaleConnection, within
from .errors import InvalidMessage, PredictionUnavailable
from .messages import JobDescription, MemoryRecommendation
from .unknown_tools import UnknownTools

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
    authority : str or None
        Path of a PEM file: who signed the service's certificate, in place of the authorities that everybody trusts.

    Notes
    -----
    Connections are kept, one for each thread and process: a forked Galaxy handler must not share its parent's.
    Redirects are not followed, cookies not kept and the environment's proxies not used, so that sizes and tool
    parameters go where the administrator said and nowhere else.
    """

    def __init__(self, service_url: str, deadline_seconds: float, authority: Optional[str] = None) -> None:
        self._url = f"{service_url.rstrip('/')}/v1/predict"
        self._deadline_seconds = deadline_seconds
        self._authority = authority
        self._kept = _Kept()

    def predict(self, job: JobDescription) -> MemoryRecommendation:
        """Ask what to request for a job.

        Raises
        ------
        UnknownTool
            If the service has, or a minute ago had, no bundle for the job's tool.
        PredictionUnavailable
            If there is no usable answer before the deadline, or none was to be expected.
        """
        message = json.dumps(job.to_dict()).encode()
        kept = self._of_this_process()
        with kept.unknown_tools.sparing(job), kept.breaker.guard():
            return self._ask(message)

    def close(self) -> None:
        """Close the connections of the calling thread."""
        self._adapter().close()

    def _ask(self, message: bytes) -> MemoryRecommendation:
        try:
            with within(self._deadline_seconds, MAX_ANSWER_BYTES):
                answer = self._send(message)
            return read_answer(answer)
        except (requests.RequestException, HTTPError, OSError, ValueError, InvalidMessage) as error:
            raise PredictionUnavailable(f"{self._url}: {_innermost(error)}") from error

    def _send(self, message: bytes) -> Answer:
        try:
            return self._exchange(message)
        except StaleConnection:
            # nobody has read the message; the next connection is a fresh one, which is never stale
            return self._exchange(message)

    def _exchange(self, message: bytes) -> Answer:
        # past requests.Session, which reads the whole body of a redirect and unpacks it even where it does not follow
        response = self._adapter().send(
            requests.Request("POST", self._url, headers=_HEADERS, data=message).prepare(),
            stream=True,
            timeout=self._deadline_seconds,
            verify=self._authority or True,
        )
        try:
            body = b""
            # as it came over the wire: whatever it says of its encoding, it is not unpacked
            while part := response.raw.read(_PART_BYTES, decode_content=False):
                body += part
        finally:
            # gives a connection that was read to its end back to the pool, and drops any other
            response.close()
        told = response.headers
        return Answer(response.status_code, told.get("Content-Type"), told.get("Retry-After"), body)

    def _adapter(self) -> DeadlineAdapter:
        local = self._of_this_process().local
        if not hasattr(local, "adapter"):
            local.adapter = DeadlineAdapter(max_retries=0)
        found: DeadlineAdapter = local.adapter
        return found

    def _of_this_process(self) -> "_Kept":
        if self._kept.process != os.getpid():
            self._kept = _Kept()
        return self._kept


class _Kept:
    """What a client keeps for one process; a fork may have copied the parent's in the middle of a change."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.local = threading.local()
        self.breaker = Breaker()
        self.unknown_tools = UnknownTools()


def _innermost(error: Exception) -> str:
    """Return what went wrong, out of the layers that requests and urllib3 put around it."""
    wrapped = error.args[0] if error.args else None
    reason = getattr(wrapped, "reason", None) or error
    return f"{type(reason).__name__}: {reason}"
