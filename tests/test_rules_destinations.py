"""Writing a request into a destination."""

from typing import Any

import pytest
from galaxy_stand_ins import Destination
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules import destinations
from galaxy_memory_rules.errors import DestinationError
from galaxy_memory_rules.templates import DestinationTemplate
from galaxy_memory_rules.words import FAMILIES

MIB, GIB = 1024**2, 1024**3
IN_OWN_WORDS = DestinationTemplate({}, {})


class Bunch:
    """JobDestination up to Galaxy 25.1; from 26.0 on it is a dataclass, as Destination is."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def exported(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value, "raw": False, "file": None, "execute": None}


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("--ntasks=4 --mem={memory_mib}M", "--ntasks=4 --mem=1537M"),  # 1.5 GiB and a byte is 1536.000001 MiB
        ("{memory_gib}G", "2G"),
        ("{memory_bytes}", "1610612737"),
    ],
)
def test_a_template_gets_the_request_rounded_up_to_its_unit(template: str, written: str) -> None:
    destination = Destination("slurm", "slurm", {"native_specification": "--mem=8192M", "tags": "fast"})
    destinations.write(destination, DestinationTemplate({"native_specification": template}, {}), 1610612737, {})
    assert destination.params["native_specification"] == written
    assert destination.params["tags"] == "fast"
    assert destination.params["gmem_request_bytes"] == "1610612737"


def test_a_variable_of_the_job_replaces_one_of_the_same_name() -> None:
    old = {"name": "GALAXY_MEMORY_MB", "value": "8192"}
    other = {"name": "LANG", "value": "C"}
    destination = Destination("local", "local", {}, [old, other])
    destinations.write(destination, DestinationTemplate({}, {"GALAXY_MEMORY_MB": "{memory_mib}"}), GIB, {})
    assert destination.env == [
        other,
        {"name": "GALAXY_MEMORY_MB", "value": "1024", "raw": False, "file": None, "execute": None},
    ]


def test_notes_are_short_single_lines_that_no_submit_file_trips_over() -> None:
    destination = Destination("htcondor", "htcondor")
    note = {"source": "$(evil)\nqueue 100" + "x" * 300, "bundle": "goes on\\"}
    destinations.write(destination, DestinationTemplate({"request_memory": "{memory_mib}"}, {}), GIB, note)
    assert destination.params["gmem_bundle"] == "goes on"
    assert destination.params["gmem_source"].startswith("(evil) queue 100x")
    assert len(destination.params["gmem_source"]) == 200


def test_what_is_no_destination_is_refused_and_nothing_is_written() -> None:
    destination = Destination("broken", "slurm")
    destination.params = None  # type: ignore[assignment]
    with pytest.raises(DestinationError):
        destinations.write(destination, DestinationTemplate({"a": "{memory_mib}"}, {"B": "c"}), GIB, {})
    assert destination.env == []


@pytest.mark.parametrize("shape", [Bunch, Destination])
def test_a_request_replaces_what_the_destination_says_of_memory(shape: Any) -> None:
    own = {"native_specification": "--ntasks=1  --mem=8192M --comment='8 G'", "docker_memory": "8G", "tags": "fast"}
    heap = {"name": "_JAVA_OPTIONS", "value": "-Xmx6g -XX:+UseSerialGC"}
    destination = shape(id="slurm", runner="slurm", params=dict(own), env=[heap])
    assert destinations.own_memory_bytes(destination) == 8 * GIB
    assert destinations.write(destination, IN_OWN_WORDS, 3 * GIB, {"attempt": "1"}) is destination
    assert destination.params == {
        "native_specification": "--ntasks=1  --mem=3072M --comment='8 G'",
        "docker_memory": "3072M",
        "tags": "fast",
        "gmem_request_bytes": "3221225472",
        "gmem_attempt": "1",
    }
    # 6 of 8 GiB; GALAXY_MEMORY_MB is Slurm's own business
    assert destination.env == [{"name": "_JAVA_OPTIONS", "value": "-Xmx2304m -XX:+UseSerialGC"}]
    assert (heap["value"], destinations.own_memory_bytes(destination)) == ("-Xmx6g -XX:+UseSerialGC", 3 * GIB)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"native_specification": "--mem=8G"}, []),
        ({"native_specification": "-l h_vmem=8G"}, []),
        ({"job_--mem": "8G"}, []),
        ({"requests_memory": "8Gi"}, []),
        # nobody else does, or only Galaxy's newest runner
        ({"job_memory": "8192"}, [exported("GALAXY_MEMORY_MB", "3072")]),
        ({"request_memory": "8192"}, [exported("GALAXY_MEMORY_MB", "3072")]),
        ({"submit_native_specification": "--mem=8G"}, [exported("GALAXY_MEMORY_MB", "3072")]),
        ({"docker_memory": "8G"}, [exported("GALAXY_MEMORY_MB", "3072")]),
    ],
)
def test_the_tools_are_told_where_the_runner_does_not_do_it(params: dict[str, Any], told: list[Any]) -> None:
    destination = Destination("d", "d", params)
    destinations.write(destination, IN_OWN_WORDS, 3 * GIB, {})
    assert destination.env == told


@pytest.mark.parametrize(
    ("params", "template"),
    [
        ({"native_specification": "--mem=8G"}, IN_OWN_WORDS),
        ({"request_memory": "8192"}, IN_OWN_WORDS),
        ({"pbs": "8gb"}, DestinationTemplate({"pbs": "{memory_mib}mb"}, {})),
    ],
)
def test_a_constant_that_tools_are_told_follows_in_any_case(params: dict[str, Any], template: Any) -> None:
    destination = Destination("d", "d", params, [{"name": "GALAXY_MEMORY_MB", "value": "8192"}])
    destinations.write(destination, template, 3 * GIB, {})
    assert destination.env == [{"name": "GALAXY_MEMORY_MB", "value": "3072"}]


def test_a_heap_follows_what_tools_are_told_where_the_destination_says_nothing_else_of_memory() -> None:
    told = {"name": "GALAXY_MEMORY_MB", "value": "8192"}
    destination = Destination("local", "local", {}, [told, {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx6g"}])
    assert destinations.own_memory_bytes(destination) == 8 * GIB
    destinations.write(destination, DestinationTemplate({}, {"GALAXY_MEMORY_MB": "{memory_mib}"}), 4 * GIB, {})
    assert [entry["value"] for entry in destination.env] == ["-Xmx3072m", "4096"]


@pytest.mark.parametrize(
    ("params", "words", "after"),
    [
        ({"native_specification": "-c 4"}, "slurm", {"native_specification": "-c 4 --mem=3072M"}),
        ({"native_specification": "-c 4 --mem=1G"}, "slurm", {"native_specification": "-c 4 --mem=3072M"}),
        # the destination knows better than memory_rules.yml
        ({"native_specification": "-l h_vmem=1G"}, "slurm", {"native_specification": "-l h_vmem=3G"}),
        # the limit of a container is no request
        ({"docker_memory": "1G"}, "slurm", {"docker_memory": "3072M", "native_specification": "--mem=3072M"}),
        ({"docker_memory": "1G"}, "docker", {"docker_memory": "3072M"}),
        ({"request_memory": "1024"}, "docker", {"request_memory": "3072"}),
    ],
)
def test_a_named_word_is_added_where_there_is_none(params: dict[str, Any], words: str, after: dict[str, Any]) -> None:
    destination = Destination("d", "d", params)
    destinations.write(destination, DestinationTemplate({}, {}, words), 3 * GIB, {})
    assert {key: value for key, value in destination.params.items() if not key.startswith("gmem_")} == after


@pytest.mark.parametrize(
    ("params", "template", "complaint"),
    [
        (
            {"native_specification": "-c 4"},
            IN_OWN_WORDS,
            r"destinations: slurm: either words: \(slurm, sge, .*\) or params",
        ),
        ({"native_specification": "--mem=8G 'a"}, IN_OWN_WORDS, "quotes do not end"),
        ({"native_specification": "--mem-per-gpu=8G"}, DestinationTemplate({}, {}, "slurm"), "--mem-per-gpu allows no"),
        ({}, DestinationTemplate({}, {}, "loadleveler"), "no destination that a request can be written into"),
        ({}, DestinationTemplate({"a": "{memory}"}, {}), "no destination that a request can be written into"),
    ],
)
def test_nothing_is_written_where_not_all_of_it_can_be(params: dict[str, Any], template: Any, complaint: str) -> None:
    env = [{"name": "GALAXY_MEMORY_MB", "value": "8192"}, {"name": "_JAVA_OPTIONS", "value": "-Xmx6g"}]
    destination = Destination("slurm", "slurm", dict(params), [dict(entry) for entry in env])
    with pytest.raises(DestinationError, match=complaint):
        destinations.write(destination, template, 3 * GIB, {})
    assert (destination.params, destination.env) == (params, env)


keys = st.sampled_from(
    ["native_specification", "nativeSpecification", "job_--mem", "job_--mem-per-cpu", "job_ncpus", "request_memory"]
    + ["requests_memory", "limits_memory", "docker_memory", "submit_native_specification", "GALAXY_MEMORY_MB"]
)
texts = (
    st.text(max_size=20) | st.text("-lmc =\"'\\mepruhv_0123456789GMkiX", max_size=30) | st.from_regex("-?-?mem=[0-9]+G")
)
anything = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.lists(texts, max_size=2)
variables = st.fixed_dictionaries({"name": keys | texts, "value": anything}) | st.fixed_dictionaries({"file": texts})


@given(
    st.dictionaries(keys | texts, anything, max_size=4) | anything,
    st.lists(variables, max_size=3) | anything,
    st.sampled_from([None, *FAMILIES]),
    st.integers(1, 2**53),
    texts,
)
def test_a_request_is_written_whole_or_refused_whatever_the_destination_is(
    params: Any, env: Any, words: str | None, request_bytes: int, note: str
) -> None:
    destination: Any = Bunch(id="d", runner="d", params=params, env=env)
    try:
        destinations.write(destination, DestinationTemplate({}, {}, words), request_bytes, {"source": note})
    except DestinationError:
        assert (destination.params, destination.env) == (params, env)
        return
    assert destinations.previous_request_bytes(destination.params) == request_bytes
    read_bytes = destinations.own_memory_bytes(destination)
    assert read_bytes is not None
    assert read_bytes >= request_bytes
    note = destination.params["gmem_source"]
    assert note.isprintable()
    assert "$" not in note
    assert "\\" not in note


@pytest.mark.parametrize("destination", [None, 7, object(), Destination("d", "d", {"request_memory": 10**5000})])
def test_what_says_nothing_of_memory_that_can_be_read_tells_none(destination: Any) -> None:
    assert destinations.own_memory_bytes(destination) is None
    assert destinations.own_memory_of(destination) is None


@pytest.mark.parametrize("params", [None, {}, {"gmem_request_bytes": "many"}, {"gmem_request_bytes": "-5"}, 7])
def test_params_without_a_usable_last_request_tell_none(params: object) -> None:
    assert destinations.previous_request_bytes(params) is None
