"""Signed manifests, from the command line of the trainer to a service that asks for them."""

import hashlib
import hmac
import json
import os
from pathlib import Path

import damage
import pytest
import recorded

from galaxy_memory_rules.errors import BundleError, ConfigError
from service.opened import OpenedBundles
from service.reloading import Reloader
from trainer import bundle, manifest, publishing, signing
from trainer.__main__ import main
from trainer.training import Trained

KEY, OTHER = b"k" * 32, b"o" * 32


def key_file(folder: Path, content: bytes = KEY, mode: int = 0o600) -> Path:
    path = folder / "signing.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_trainer_signs_and_the_service_takes_what_is_signed(tmp_path: Path, trained: Trained) -> None:
    recorded.write(tmp_path / "tool.csv", recorded.rows(12))
    (tmp_path / "input_files.csv").write_text(f"input_file,label\ntool.csv,{recorded.LABEL}\n")
    linear = {"module_name": "sklearn.linear_model", "class_name": "LinearRegression", "parameters": {}}
    (tmp_path / "models.json").write_text(json.dumps({"Linear": linear}))
    options = {"-i": "input_files.csv", "-m": "models.json", "-o": "output.csv", "-d": "models"}
    paths = [text for option, name in options.items() for text in (option, str(tmp_path / name))]
    key = key_file(tmp_path)
    assert main(["train", *paths, "--signing-key", str(key)]) == 0
    build = publishing.current_build(tmp_path / "models" / "tool")
    expected = hmac.new(KEY, (build / "manifest.json").read_bytes(), hashlib.sha256).hexdigest()
    assert (build / "manifest.sig").read_text() == expected
    reloader = Reloader(tmp_path / "models", OpenedBundles(key=signing.read_key(key)))
    reloader.predictor.require_ready()
    # what somebody without the key publishes is refused, and the signed one goes on
    bundle.save(trained.bundle, tmp_path / "models")
    assert "not signed" in reloader.reload().refused["tool"]
    assert reloader.predictor.entries["tool"].folder == build


@pytest.fixture
def home(trained: Trained, tmp_path: Path) -> Path:
    bundle.save(trained.bundle, tmp_path, KEY)
    return tmp_path / "tool"


def test_a_signed_bundle_is_read_with_its_key_and_without_any(home: Path) -> None:
    assert bundle.load(home, KEY).build == bundle.load(home).build == publishing.current_build(home).name


@pytest.mark.parametrize("content", [b"", b"0" * 64, b"no hexadecimal digits", b"x" * 1000])
def test_a_wrong_signature_is_refused(content: bytes, home: Path) -> None:
    (publishing.current_build(home) / "manifest.sig").write_bytes(content)
    with pytest.raises(BundleError, match=r"signed"):
        bundle.load(home, KEY)


def test_another_key_and_no_signature_are_refused(home: Path) -> None:
    with pytest.raises(BundleError, match="not signed with this key"):
        bundle.load(home, OTHER)
    (publishing.current_build(home) / "manifest.sig").unlink()
    with pytest.raises(BundleError, match="not signed"):
        bundle.load(home, KEY)


def test_a_manifest_that_was_changed_by_the_rules_is_refused(home: Path) -> None:
    """Hashes alone can be made anew by anybody."""
    damage.rewrite(home, lambda content, build: content["sizing"].update(typical_bytes=1))
    assert bundle.load(home).sizing.typical_bytes == 1
    with pytest.raises(BundleError, match="not signed with this key"):
        bundle.load(home, KEY)


def test_publishing_the_same_again_with_a_key_signs_it(trained: Trained, tmp_path: Path) -> None:
    build = bundle.save(trained.bundle, tmp_path)
    assert bundle.save(trained.bundle, tmp_path, KEY) == build
    assert bundle.load(tmp_path / "tool", KEY).build == build
    assert (tmp_path / "tool" / build / manifest.MANIFEST).exists()


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (b"k" * 31, 0o600, "a signing key has 32 to 4,096 bytes"),
        (b"k" * 5000, 0o600, "a signing key has 32 to 4,096 bytes"),
        (KEY, 0o644, "every user may read or write"),
        (KEY, 0o602, "every user may read or write"),
    ],
)
def test_a_key_that_is_none_is_said(content: bytes, mode: int, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        signing.read_key(key_file(tmp_path, content, mode))


def test_a_key_for_a_group_of_users_is_taken_and_a_missing_one_named(tmp_path: Path) -> None:
    assert signing.read_key(key_file(tmp_path, os.urandom(64), 0o640))
    with pytest.raises(ConfigError, match="nowhere: the signing key cannot be read"):
        signing.read_key(tmp_path / "nowhere")
