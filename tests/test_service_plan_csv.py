"""Jobs of a plan from CSV: the seed's columns, sizes with units, and what spreadsheets and attackers make of them."""

from pathlib import Path
from typing import Any

import pytest
import recorded
from application import client_of
from fastapi.testclient import TestClient

from galaxy_memory_rules.memory import MIB
from galaxy_memory_rules.messages import InputDataset
from service.plan_csv import parse_csv
from service.plan_jobs import Group
from service.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(models: Path) -> Predictor:
    return Predictor.open(models)


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


def groups(predictor: Predictor, text: str, tool: str | None = None) -> list[Group]:
    return sorted(parse_csv(text, tool, predictor).groups, key=lambda group: group.place)


def test_the_rows_that_a_tool_was_trained_on_are_its_jobs(predictor: Predictor, tmp_path: Path) -> None:
    path = recorded.write(tmp_path / "tool.csv", recorded.rows(4))
    first, second, *_ = groups(predictor, path.read_text(), "tool")
    assert first.job.inputs == (
        InputDataset("input_1", MIB, "fastqsanger.gz"),
        InputDataset("own_file", 3 * MIB, "fasta"),
    )
    assert (first.job.dbkey, first.job.parameters, first.place) == ("?", {"mode": "sensitive"}, 2)
    # an input of size 0 without an extension is absent
    assert [dataset.name for dataset in second.job.inputs] == ["input_1"]
    told = parse_csv(path.read_text(), "tool", predictor)
    assert told.notes == (f"columns not used: {recorded.LABEL}",)


def test_a_person_writes_tools_counts_and_sizes_with_units(predictor: Predictor) -> None:
    text = "tool,count,input_1,another,hours,galaxy_slots,mode\ntool,20,1.5 GB,10 mb,0.5,8,fast\ntool,,300,,,,\n"
    first, second = groups(predictor, text)
    assert first.job.inputs == (InputDataset("input_1", 1536 * MIB), InputDataset("another", 10 * MIB))
    assert (first.count, first.run_seconds, first.job.slots) == (20, 1800, 8)
    assert first.job.parameters == {"mode": "fast"}
    assert (second.count, second.run_seconds, second.job.slots) == (1, None, None)
    assert second.job.inputs == (InputDataset("input_1", 300),)


@pytest.mark.parametrize("column", ["run_seconds", "wall_seconds", "runtime_seconds"])
def test_seconds_have_several_names(predictor: Predictor, column: str) -> None:
    [group] = groups(predictor, f"tool_id,{column}\ntool,90.5\n")
    assert group.run_seconds == 90.5


def test_a_run_time_of_nothing_is_not_told(predictor: Predictor) -> None:
    told = groups(predictor, "tool,run_seconds\ntool,0\ntool,nan\ntool,\n")
    # they are all the same
    assert [(group.count, group.run_seconds) for group in told] == [(3, None)]


@pytest.mark.parametrize(
    "text", ["\ufefftool,input_1\r\ntool,5\r\n", "tool;input_1\ntool;5", "tool\tinput_1\rtool\t5\r"]
)
def test_what_spreadsheets_write_is_read(predictor: Predictor, text: str) -> None:
    [group] = groups(predictor, text)
    assert group.job.inputs == (InputDataset("input_1", 5),)


def test_a_quoted_cell_may_hold_lines_and_the_others_keep_their_numbers(predictor: Predictor) -> None:
    # the second row stands on lines 2 and 3
    text = 'tool,note,input_1\ntool,"a\nb",5\ntool,c,6\n'
    assert [group.place for group in groups(predictor, text)] == [3, 4]


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("", "csv", "no column tool or tool_id"),
        ("input_1\n5\n", "csv", "no column tool or tool_id"),
        ("tool,tool\nx,y\n", "csv", "the column 'tool' is there twice"),
        ("tool,input_1\ntool,5\ntool\n", "csv", "line 3: 1 cells where the first line has 2"),
        ('tool,input_1\ntool,"5\n', "csv", "is a quote left open?"),
        ("tool,input_1\ntool,5\ntool,lots\n", "csv line 3, input_1", "found 'lots'"),
        ("tool,input_1\ntool,-5\n", "csv line 2, input_1", "found '-5'"),
        ("tool,input_1\ntool,1e99\n", "csv line 2, input_1", "found '1e99'"),
        (f"tool,input_1\ntool,{'9' * 5000}\n", "csv line 2, input_1", "expected bytes"),
        ("tool,input_1\ntool,99999999 TB\n", "csv line 2, input_1", "expected at most"),
        ("tool,input_1\ntool,\u0663\n", "csv line 2, input_1", "expected bytes"),
        ("tool,count\ntool,0\n", "csv line 2, count", "expected a whole number from 1"),
        ("tool,count\ntool,1.5\n", "csv line 2, count", "expected a whole number from 1"),
        (f"tool,count\ntool,{'9' * 5000}\n", "csv line 2, count", "expected a whole number from 1"),
        ("tool,hours\ntool,long\n", "csv line 2, hours", "expected a number"),
        ("tool,hours\ntool,1e99\n", "csv line 2, hours", "expected a number"),
        ("tool,slots\ntool,many\n", "csv line 2, slots", "expected a number of cores"),
        ("tool,slots\ntool,99999999\n", "csv line 2.slots", "expected an integer from 1 to 65536"),
        ('tool,slots\n"to\nol",1\n', "csv line 3.tool_id", "expected printable text"),
        ("tool,slots\n,1\n", "csv line 2.tool_id", "expected printable text"),
        (f"tool\n{'x' * 300}\n", "csv line 2.tool_id", "of 1 to 255 characters"),
        ("tool,dbkey\ntool,a\u202eb\n", "csv line 2.dbkey", "expected printable text"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_column(client: TestClient, text: str, field: str, message: str) -> None:
    answer = client.post("/v1/plan", json={"csv": text})
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text[:500]
    assert message in answer.json()["message"]


def test_a_tool_that_is_no_text_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/plan", json={"csv": "input_1\n5\n", "tool": ["tool"]})
    assert (answer.status_code, answer.json()["field"]) == (422, "tool")


def test_unknown_tools_are_told_by_line_whatever_their_cells_hold(client: TestClient) -> None:
    told: dict[str, Any] = client.post("/v1/plan", json={"csv": "tool,input_1\n=1+1,lots\ntool,5\n=1+1,x\n"}).json()
    assert told["jobs"] == 1
    assert [(one["line"], one["tool"], one["jobs"]) for one in told["refused"]] == [(2, "=1+1", 2)]


def test_csv_and_json_of_the_same_jobs_are_the_same_plan(client: TestClient) -> None:
    text = "tool,count,input_1,input_1_extension,mode,slots,run_seconds\ntool,3,1048576,fasta,fast,2,60\n"
    job = {
        "tool_id": "tool",
        "inputs": [{"name": "input_1", "size_bytes": MIB, "extension": "fasta"}],
        "parameters": {"mode": "fast"},
        "slots": 2,
    }
    in_csv = client.post("/v1/plan", json={"csv": text}).json()
    in_json = client.post("/v1/plan", json={"jobs": [{**job, "count": 3, "run_seconds": 60}]}).json()
    assert in_csv["policies"] == in_json["policies"]
