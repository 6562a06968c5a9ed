"""The real application over a folder of bundles, in process."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi.testclient import TestClient

from service.app import create_app
from service.predictor import Predictor
from service.settings import ServiceSettings


def client_of(models: Path, **settings: Any) -> TestClient:
    """Return a client of the service as it is set, for the bundles that are there now."""
    serving = SimpleNamespace(predictor=Predictor.open(models))
    return TestClient(create_app(serving, ServiceSettings(models, **settings)), raise_server_exceptions=False)
