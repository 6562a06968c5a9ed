"""What an administrator sets, and who wins."""

import json
import re
from pathlib import Path

import pytest
import yaml
from serving import ROOT

from galaxy_memory_rules.errors import ConfigError
from service.__main__ import main
from service.settings import KEYS, ServiceSettings, load_settings

SHIPPED = ROOT / "config" / "service.yml"


def written(folder: Path, text: str) -> str:
    path = folder / "service.yml"
    path.write_text(text)
    return str(path)


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    config = written(tmp_path, "models: .\nport: 1\nworkers: 2\nmax_concurrency: 3\n")
    settings = load_settings({"config": config, "port": "11"}, {"GMR_PORT": "111", "GMR_WORKERS": "22"})
    assert (settings.port, settings.workers, settings.max_concurrency, settings.keep_alive_seconds) == (11, 22, 3, 75.0)


def test_the_shipped_file_sets_every_setting_to_its_default(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "models").mkdir()
    config = tmp_path / "config" / "service.yml"
    config.write_text(SHIPPED.read_text())
    assert set(yaml.safe_load(SHIPPED.read_text())) == set(KEYS)
    # ../models as seen from the file
    assert load_settings({"config": str(config)}, {}) == ServiceSettings(models=config.parent / ".." / "models")


def test_paths_start_from_the_file_or_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "token").write_text("secret")
    (tmp_path / "token").write_text("other")
    config = written(tmp_path / "etc", "models: ..\ntoken_file: token\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings({"config": config}, {}).token_file == tmp_path / "etc" / "token"
    assert load_settings({"config": config, "token_file": "token"}, {}).token_file == tmp_path / "token"
    assert load_settings({"config": config}, {"GMR_TOKEN_FILE": "none"}).token_file is None


def test_a_worker_gets_the_very_same_settings(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    told = {"models": str(tmp_path), "token_file": str(tmp_path / "token"), "docs": "no", "receive_seconds": "0.5"}
    settings = load_settings(told, {})
    assert ServiceSettings.from_json(settings.to_json()) == settings
    assert "secret" not in settings.to_json()
    assert json.loads(settings.to_json())["docs"] is False


def test_sizes_are_bytes_inside(tmp_path: Path) -> None:
    settings = ServiceSettings(models=tmp_path, max_body_kib=3, max_batch_body_mib=2, opened_mib=5)
    # 3 * 1024, 2 * 1024 * 1024, 5 * 1024 * 1024
    assert (settings.max_body_bytes, settings.max_batch_body_bytes, settings.opened_bytes) == (3072, 2097152, 5242880)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("prot: 1", "line 2: prot: unknown key; near it are port"),
        ("port: 65536", "line 2: port: expected a whole number from 0 to 65535, found 65536"),
        ("port: true", "line 2: port: expected a whole number"),
        ("port: 80.5", "line 2: port: expected a whole number"),
        ("workers: 0", "line 2: workers: expected a whole number from 1 to 256, found 0"),
        ("receive_seconds: .nan", "line 2: receive_seconds: expected a number from 0.1 to 3600, found nan"),
        ("docs: maybe", "line 2: docs: expected true or false, found 'maybe'"),
        ("docs: [true]", "line 2: docs: expected true or false"),
        ("log_level: loud", "line 2: log_level: expected one of debug, info, warning, error, found 'loud'"),
        ("host: [a]", "line 2: host: expected a text"),
        ("host: 127.0.0.1/8", "line 2: host: expected an address"),
        ("token_file: gone", "line 2: token_file: expected a file that can be read, found none at "),
        ("token_file: [gone]", "line 2: token_file: expected a text"),
        ("tls_key: service.yml", "tls_certificate, tls_key: expected both or neither"),
        ("drain_seconds: 10", "drain_seconds: expected less than shutdown_seconds (10), found 10"),
        ("models: .", "line 2: cannot be read as YAML ('models' is there twice)"),
        ("port: [", "cannot be read as YAML"),
        ("port: !!python/object/apply:os.getpid []", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_settings({"config": written(tmp_path, f"models: .\n{line}\n")}, {})


@pytest.mark.parametrize(
    ("options", "environment", "complaint"),
    [
        ({"port": "http"}, {}, "--port: expected a whole number from 0 to 65535, found 'http'"),
        ({"max_body_kib": "-1"}, {}, "--max-body-kib: expected a whole number from 1 to 16384"),
        ({}, {"GMR_PORT": ""}, "GMR_PORT: expected a whole number"),
        ({}, {"GMR_SHUTDOWN_SECONDS": "soon"}, "GMR_SHUTDOWN_SECONDS: expected a number from 0.5 to 3600"),
        ({}, {"GMR_MAX_CONCURENCY": "8"}, "GMR_MAX_CONCURENCY: unknown variable; near it are GMR_MAX_CONCURRENCY"),
        ({"models": "/nowhere"}, {}, "--models: /nowhere: no such folder; train first"),
        ({"config": "/nowhere.yml"}, {}, "/nowhere.yml: cannot be read"),
    ],
)
def test_what_is_wrong_elsewhere_is_named_with_option_or_variable(
    tmp_path: Path, options: dict[str, str], environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_settings({"models": str(tmp_path), **options}, environment)


def test_variables_of_others_are_none_of_our_business(tmp_path: Path) -> None:
    load_settings({"models": str(tmp_path)}, {"GMR_UPDATE_README": "1", "GMR_PYTHON": "/usr/bin/python", "PORT": "x"})


def test_without_a_folder_of_bundles_it_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "service: models: not set; name the folder of bundles with --models, GMR_MODELS or in the --config file\n"
    )


def test_every_setting_is_an_option_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    words = " ".join(told.split())
    for key, help_line in KEYS.items():
        assert f"--{key.replace('_', '-')}" in told
        assert help_line in words
