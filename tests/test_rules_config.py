"""memory_rules.yml."""

import inspect
import os
from pathlib import Path

import pytest
import yaml

from galaxy_memory_rules import map_job_to_destination
from galaxy_memory_rules.config import RulesConfig, load_config
from galaxy_memory_rules.config_file import ConfigFile
from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.templates import RESERVED_PARAMS

SHIPPED = Path(__file__).parent.parent / "config" / "memory_rules.yml"
MINIMAL = """
service_url: http://127.0.0.1:8765
destination: slurm
destinations: {slurm: {params: {native_specification: "--mem={memory_mib}"}}}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "memory_rules.yml"
    path.write_text(text)
    return path


def test_the_shipped_file_is_read(tmp_path: Path) -> None:
    config = load_config(SHIPPED)
    assert config.service_url == "http://127.0.0.1:8765"
    assert config.general.floor_bytes == 512 * 1024**2
    assert [config.destinations[name].words for name in ("slurm", "htcondor", "local")] == ["slurm", "htcondor", None]
    assert config.destinations["local"].env == {"GALAXY_MEMORY_MB": "{memory_mib}"}


def test_the_example_job_conf_has_every_destination_of_the_shipped_file() -> None:
    job_conf = yaml.safe_load((SHIPPED.parent.parent / "examples" / "job_conf.yml").read_text())
    environments = job_conf["execution"]["environments"]
    config = load_config(SHIPPED)
    assert set(config.destinations) == {name for name, found in environments.items() if found["runner"] != "dynamic"}
    assert {found["runner"] for found in environments.values()} == {"dynamic", *job_conf["runners"]}
    rule = environments[job_conf["execution"]["default"]]
    assert (rule["rules_module"], rule["function"]) == ("galaxy_memory_rules", "map_job_to_destination")
    # each further key reaches the rule only as an argument of that name
    further = rule.keys() - {"runner", "rules_module", "function"}
    assert further <= set(inspect.getfullargspec(map_job_to_destination).args)
    assert rule["default_destination"] in config.destinations


def test_no_template_may_set_what_galaxy_hands_to_the_rule() -> None:
    for name in inspect.getfullargspec(map_job_to_destination).args:
        assert RESERVED_PARAMS.fullmatch(name), name


def test_what_is_not_set_has_its_default(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, MINIMAL))
    assert (config.deadline_seconds, config.general.ceiling_bytes) == (RulesConfig.deadline_seconds, 64 * 1024**3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "service_url: expected http://host:port"),
        ("[1]", "expected a mapping"),
        ("service_url: [", "cannot be read as YAML"),
        ("[" * 5000, "cannot be read"),  # nested beyond Python's recursion limit
        ("!!python/object/apply:os.system [true]", "cannot be read as YAML"),
        (MINIMAL + "celing: 1 GiB", "line 5: celing: unknown key; near it are ceiling"),
        (MINIMAL + "floor: lots", "floor: expected an amount of memory"),
        (MINIMAL + "floor: 0", "floor: expected an amount of memory from 1 B"),
        (MINIMAL + "floor: 65 GiB", "floor: expected a floor not above the ceiling"),
        (MINIMAL + "deadline_seconds: 60", "deadline_seconds: expected a number from 0.05 to 5"),
        (MINIMAL + "deadline_seconds: true", "deadline_seconds: expected"),
        (MINIMAL.replace("http:", "ftp:"), "service_url: expected http://host:port"),
        (MINIMAL.replace("http://127.0.0.1:8765", '"http://["'), "service_url: expected http://host:port"),
        (MINIMAL.replace("8765", "99999"), "service_url: expected http://host:port"),
        (MINIMAL.replace("http://", "http://me:secret@"), "service_url: expected http://host:port"),
        (MINIMAL.replace("destination: slurm", "destination: k8s"), "destination: expected one of"),
        (MINIMAL.replace("destination: slurm", "destination: [slurm]"), "destination: expected a text"),
        (MINIMAL + "mode: perhaps", "mode: expected on, shadow or off, found 'perhaps'"),
        (MINIMAL + "canary: 5", "canary: expected a number from 0 to 1, found 5"),
        (MINIMAL + "never_above: 0.5\nnever_below: 2", "never_below: expected a never_below not above never_above"),
        (MINIMAL + "never_above: .nan", "never_above: expected a number"),
        (MINIMAL + "authority: nowhere.pem", "authority: expected a file, found none at"),
        (MINIMAL + "record: 7", "record: expected a text, found 7"),
        (MINIMAL + "tools: {bowtie2: {modus: off}}", "tools.bowtie2.modus: unknown key; near it are mode"),
        (MINIMAL + "tools:\n  bowtie2:\n    floor: 1T", "line 7: tools.bowtie2.floor: expected a floor not above"),
        (MINIMAL + "tools: [bowtie2]", "tools: expected a mapping"),
        (MINIMAL + "floor: 1 GiB\nfloor: 2 GiB", "line 6: cannot be read as YAML ('floor' is there twice)"),
        (MINIMAL + "floor: !!int ''", "cannot be read"),
        (MINIMAL.replace("memory_mib", "memory_mb"), "native_specification: expected a template with {memory_mib}"),
        (MINIMAL.replace("memory_mib", "memory_mib.__class__"), "expected a template with"),
        (MINIMAL.replace("memory_mib", "memory_mib!r"), "expected a template with"),
        (MINIMAL.replace("{memory_mib}", "{"), "expected a template"),
        (MINIMAL.replace("native_specification", "job"), "job: expected another name: Galaxy uses this one"),
        (MINIMAL.replace("params: {native_specification", "env: {A B"), "A B: expected the name of an environment"),
        (MINIMAL.replace("params", "parms"), "destinations.slurm.parms: unknown key; near it are params"),
        (MINIMAL.replace("params: {", "words: pbs, env: {"), "words: expected one of slurm, sge, cli, htcondor"),
        (MINIMAL.replace("params: {", "words: slurm, params: {"), "words: expected none beside params"),
        (MINIMAL.replace("params: {", "words: [slurm], env: {"), "words: expected one of"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert str(path) in str(refused.value)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("entry", ["", "{}", "{words: slurm}", "{env: {A: b}}", "{words: slurm, env: {A: b}}"])
def test_a_destination_needs_no_params_where_it_has_words_of_its_own(tmp_path: Path, entry: str) -> None:
    text = MINIMAL.replace('{params: {native_specification: "--mem={memory_mib}"}}', entry)
    template = load_config(written(tmp_path, text)).destinations["slurm"]
    assert template.params == {}
    assert template.words == ("slurm" if "words" in entry else None)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.yml: cannot be read"):
        load_config(tmp_path / "nowhere.yml")


def test_a_changed_file_is_read_again_without_a_restart(tmp_path: Path) -> None:
    file = ConfigFile(written(tmp_path, MINIMAL))
    assert file.read().general.floor_bytes == 512 * 1024**2
    written(tmp_path, MINIMAL + "floor: 1 GiB")
    assert file.read().general.floor_bytes == 1024**3


def test_a_broken_file_leaves_the_last_good_one_in_use_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, MINIMAL)
    file = ConfigFile(path)
    good = file.read()
    written(tmp_path, MINIMAL + "floor: lots")
    assert [file.read(), file.read()] == [good, good]
    path.unlink()
    assert file.read() == good
    complaints = [record.message for record in caplog.records if "last good configuration" in record.message]
    # one for the wrong floor, one for the missing file
    assert len(complaints) == 2


def test_a_file_that_was_never_good_is_an_error_each_time(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "nowhere.yml")
    for _ in range(2):
        with pytest.raises(ConfigError, match="cannot be read"):
            file.read()


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL)
    file = ConfigFile(path)
    good = file.read()
    stamp = path.stat()
    # the same size and time, but no YAML any more: only a look at the content would notice
    path.write_text("[" * len(MINIMAL))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert file.read() is good
