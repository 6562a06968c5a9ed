"""The words in which destinations say how much memory a job gets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.destinations import own_memory_of
from galaxy_memory_rules.errors import DestinationError
from galaxy_memory_rules.words import ADDED, FAMILIES, WORDS

MIB, GIB = 1024**2, 1024**3
# 3 GiB and a byte: 3073 MiB or 4 GiB hold it
REQUEST_BYTES = 3 * GIB + 1


def replaced(params: dict[str, Any], request_bytes: int = REQUEST_BYTES) -> dict[str, str]:
    return {key: text for word in WORDS for key, text in word.replaced(params, request_bytes).items()}


@pytest.mark.parametrize(
    ("params", "own_bytes", "changes"),
    [
        ({"native_specification": "--mem=8G -c 2"}, 8 * GIB, {"native_specification": "--mem=3073M -c 2"}),
        ({"nativeSpecification": "-l h_vmem=8G"}, 8 * GIB, {"nativeSpecification": "-l h_vmem=4G"}),
        # Galaxy's runner takes the first of the two that is there, and so an empty one too
        (
            {"native_specification": "--mem=1G", "nativeSpecification": "--mem=8G"},
            8 * GIB,
            {"nativeSpecification": "--mem=3073M"},
        ),
        ({"native_specification": "--mem=8G", "nativeSpecification": ""}, None, {}),
        (
            {"native_specification": "--mem=8G", "nativeSpecification": None},
            8 * GIB,
            {"native_specification": "--mem=3073M"},
        ),
        ({"submit_native_specification": "--mem 8G"}, 8 * GIB, {"submit_native_specification": "--mem 3073M"}),
        ({"submit_native_specification": "-l h_vmem=8G"}, 8 * GIB, {"submit_native_specification": "-l h_vmem=4G"}),
        ({"job_--mem": "8G"}, 8 * GIB, {"job_--mem": "3073M"}),
        ({"job_--mem": 8192}, 8 * GIB, {"job_--mem": "3073"}),
        # each cpu's part: 3073 / 4 = 768.25
        ({"job_--mem-per-cpu": "2G", "job_ncpus": 4}, 8 * GIB, {"job_--mem-per-cpu": "769M"}),
        (
            {"job_--mem-per-cpu": "2G", "job_--cpus-per-task": "2", "job_--ntasks": "2"},
            8 * GIB,
            {"job_--mem-per-cpu": "769M"},
        ),
        ({"job_--mem-per-cpu": "2G"}, 2 * GIB, {"job_--mem-per-cpu": "3073M"}),
        ({"job_memory": 16000}, 16000 * MIB, {"job_memory": "3073"}),
        ({"job_mem": "4gb"}, 4 * GIB, {"job_mem": "3073MB"}),
        ({"request_memory": 8192}, 8 * GIB, {"request_memory": "3073"}),
        ({"request_memory": "8G"}, 8 * GIB, {"request_memory": "3073"}),
        # Galaxy writes the keys of a submit file in small letters: a second spelling would be a second line
        ({"Request_Memory": "8G"}, 8 * GIB, {"Request_Memory": "3073"}),
        ({"request_memory": "MyMemory * 2"}, None, {"request_memory": "3073"}),
        ({"submit_request_memory": "8192"}, 8 * GIB, {"submit_request_memory": "3073"}),
        (
            {"request_memory": "8G", "docker_memory": "4G"},
            8 * GIB,
            {"request_memory": "3073", "docker_memory": "3073M"},
        ),
        ({"docker_memory": "4G"}, 4 * GIB, {"docker_memory": "3073M"}),
        ({"requests_memory": "2Gi"}, 2 * GIB, {"requests_memory": "3073Mi"}),
        ({"limits_memory": "2Gi"}, 2 * GIB, {"limits_memory": "3073Mi"}),
        # a limit of one and a half times the request stays that: 4608 MiB and a bit
        (
            {"requests_memory": "2Gi", "limits_memory": "3Gi"},
            2 * GIB,
            {"requests_memory": "3073Mi", "limits_memory": "4609Mi"},
        ),
        (
            {"requests_memory": "2Gi", "limits_memory": "2Gi"},
            2 * GIB,
            {"requests_memory": "3073Mi", "limits_memory": "3073Mi"},
        ),
        # Kubernetes takes no limit below the request, and what cannot be read has no ratio
        (
            {"requests_memory": "2Gi", "limits_memory": "1Gi"},
            2 * GIB,
            {"requests_memory": "3073Mi", "limits_memory": "3073Mi"},
        ),
        (
            {"requests_memory": "some", "limits_memory": "4Gi"},
            4 * GIB,
            {"requests_memory": "3073Mi", "limits_memory": "3073Mi"},
        ),
        ({"native_specification": "--ntasks=1", "tags": "--mem=8G", "gmem_request_bytes": "1"}, None, {}),
        ({"native_specification": 5, "request_cpus": 4, 7: 8}, None, {}),
        ({}, None, {}),
    ],
)
def test_a_request_is_written_and_read_in_the_destinations_own_words(
    params: dict[str, Any], own_bytes: int | None, changes: dict[str, str]
) -> None:
    assert own_memory_of(params) == own_bytes
    assert replaced(params) == changes


@pytest.mark.parametrize(
    ("family", "params", "changes"),
    [
        ("slurm", {}, {"native_specification": "--mem=3073M"}),
        ("slurm", {"native_specification": "-c 4"}, {"native_specification": "-c 4 --mem=3073M"}),
        ("slurm", {"nativeSpecification": "-c 4"}, {"nativeSpecification": "-c 4 --mem=3073M"}),
        ("sge", {"native_specification": "-pe smp 4"}, {"native_specification": "-pe smp 4 -l h_vmem=1G"}),
        ("cli", {"job_ncpus": 4}, {"job_--mem": "3073M"}),
        ("htcondor", {}, {"request_memory": "3073"}),
        ("kubernetes", {}, {"requests_memory": "3073Mi", "limits_memory": "3073Mi"}),
        ("pulsar_slurm", {}, {"submit_native_specification": "--mem=3073M"}),
        ("pulsar_sge", {}, {"submit_native_specification": "-l h_vmem=4G"}),
        ("pulsar_htcondor", {}, {"submit_request_memory": "3073"}),
        ("docker", {}, {"docker_memory": "3073M"}),
    ],
)
def test_a_word_is_added_where_there_is_none(family: str, params: dict[str, Any], changes: dict[str, str]) -> None:
    # 3 GiB and a byte in 4 slots is less than 1 GiB each
    assert ADDED[family].added(params, REQUEST_BYTES) == changes


def test_every_family_has_a_word_to_add() -> None:
    assert set(ADDED) == set(FAMILIES)


@pytest.mark.parametrize(
    ("family", "params"),
    [("slurm", {"native_specification": "--mem-per-gpu=8G"}), ("cli", {"job_--mem-per-gpu": "8G"})],
)
def test_a_word_that_slurm_refuses_beside_another_is_not_added(family: str, params: dict[str, Any]) -> None:
    with pytest.raises(DestinationError, match="mem-per-gpu allows no"):
        ADDED[family].added(params, REQUEST_BYTES)


@given(st.sampled_from(FAMILIES), st.integers(1, 2**53), st.integers(1, 2**53))
def test_what_is_written_is_read_back_as_at_least_the_request_and_less_than_a_gib_more(
    family: str, first_bytes: int, then_bytes: int
) -> None:
    params = ADDED[family].added({}, first_bytes)
    for request_bytes, said in ((first_bytes, params), (then_bytes, replaced(params, then_bytes))):
        read_bytes = own_memory_of(said)
        assert read_bytes is not None
        assert request_bytes <= read_bytes < request_bytes + GIB


@given(st.integers(1, 2**40), st.integers(1, 2**40), st.integers(1, 2**53))
def test_a_limit_is_never_below_the_request(request_mib: int, limit_mib: int, request_bytes: int) -> None:
    said = replaced({"requests_memory": f"{request_mib}Mi", "limits_memory": f"{limit_mib}Mi"}, request_bytes)
    assert int(said["limits_memory"][:-2]) >= int(said["requests_memory"][:-2])
