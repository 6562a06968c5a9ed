"""The service keeps to its own OpenAPI document, whatever schemathesis makes of it."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from application import client_of
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/predict"),
        ("POST", "/v1/predict/batch"),
        ("POST", "/v1/plan"),
        ("GET", "/tool/memory/"),
        ("GET", "/v1/tools"),
        ("GET", "/v1/tools/{tool}"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/metrics"),
        ("GET", "/v2"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/{tool}"),
        ("GET", "/v2/models/{tool}/ready"),
        ("POST", "/v2/models/{tool}/infer"),
    ],
)
def test_it_answers_as_it_is_documented(method: str, path: str, models: Path) -> None:
    door = client_of(models).app
    operation = schemathesis.openapi.from_asgi("/openapi.json", door)[path][method]

    @settings(
        max_examples=15,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    run()
