"""PostgreSQL and SQLite with Galaxy's schema: a fresh database for each test."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from galaxy_database import Filled, make_schema
from postgresql_server import postgresql
from sqlalchemy import Engine, create_engine, make_url

_numbers = itertools.count()


def _engine(address: str) -> Engine:
    url = make_url(address)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return create_engine(url.set(drivername=driver))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL that has Galaxy's schema as a template."""
    with postgresql() as address:
        _run(address, "CREATE DATABASE template_of_galaxy")
        _make_schema(f"{address}/template_of_galaxy")
        yield address


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with Galaxy's schema, to be copied."""
    path = tmp_path_factory.mktemp("galaxy") / "universe.sqlite"
    _make_schema(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["postgresql", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with Galaxy's schema and nothing in it, as galaxy.yml would name it."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_file"), tmp_path)
        return f"sqlite:///{tmp_path}/universe.sqlite?isolation_level=IMMEDIATE"
    server: str = request.getfixturevalue("server")
    name = f"galaxy_{next(_numbers)}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE template_of_galaxy")
    return f"{server}/{name}"


@pytest.fixture
def galaxy(address: str) -> Iterator[Filled]:
    """The same database, to be filled."""
    engine = _engine(address.partition("?")[0])
    yield Filled(engine)
    engine.dispose()


def _make_schema(address: str) -> None:
    engine = _engine(address)
    make_schema(engine)
    engine.dispose()


def _run(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())
