"""Writing a request into a destination."""

import pytest
from galaxy_stand_ins import Destination

from galaxy_memory_rules import destinations
from galaxy_memory_rules.errors import DestinationError
from galaxy_memory_rules.templates import DestinationTemplate

GIB = 1024**3


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
    note = {"source": "$(evil)\nqueue 100" + "x" * 300}
    destinations.write(destination, DestinationTemplate({"request_memory": "{memory_mib}"}, {}), GIB, note)
    assert destination.params["gmem_source"].startswith("(evil) queue 100x")
    assert len(destination.params["gmem_source"]) == 200


def test_what_is_no_destination_is_refused_and_nothing_is_written() -> None:
    destination = Destination("broken", "slurm")
    destination.params = None  # type: ignore[assignment]
    with pytest.raises(DestinationError):
        destinations.write(destination, DestinationTemplate({"a": "{memory_mib}"}, {"B": "c"}), GIB, {})
    assert destination.env == []


@pytest.mark.parametrize("params", [None, {}, {"gmem_request_bytes": "many"}, {"gmem_request_bytes": "-5"}, 7])
def test_params_without_a_usable_last_request_tell_none(params: object) -> None:
    assert destinations.previous_request_bytes(params) is None
