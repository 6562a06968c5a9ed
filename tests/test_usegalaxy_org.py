"""What the default models reach on real jobs of usegalaxy.org; skipped where that data is not beside the checkout."""

import csv
from pathlib import Path

import pytest
import recorded
from application import client_of
from serving import ROOT

from trainer import bundle
from trainer.__main__ import main

DATA = ROOT.parent / "shared" / "data" / "usegalaxy_org"
MODELS = ROOT / "config" / "models.json"
# The example of the seed's document.
EXAMPLE = {"own_file": "2102960", "input_1": "1493950957", "input_2": "0"}
EXAMPLE_PEAK_BYTES = 2_886_856_704
SEEDS_ANSWER_BYTES = 3_661_949_266

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded jobs of usegalaxy.org are not in {DATA}")


def train(folder: Path, *files: Path) -> list[dict[str, str]]:
    """Train with the shipped models.json; return the lines of output.csv that are served."""
    listing = folder / "input_files.csv"
    listing.write_text("input_file,label\n" + "".join(f"{file},{recorded.LABEL}\n" for file in files))
    output = folder / "output.csv"
    assert main(["train", "-i", str(listing), "-m", str(MODELS), "-o", str(output), "-d", str(folder / "models")]) == 0
    with output.open(newline="") as lines:
        return [line for line in csv.DictReader(lines) if line["served"] == "yes"]


def test_held_out_jobs_are_predicted_as_well_as_the_study_found(tmp_path: Path) -> None:
    bowtie2, hisat2 = train(tmp_path, DATA / "bowtie2.csv", DATA / "hisat2.csv")
    # of 3,963 and 2,797 rows two each stand there twice
    assert (bowtie2["rows_used"], bowtie2["rows_dropped"]) == ("3961", "2")
    assert (hisat2["rows_used"], hisat2["rows_dropped"]) == ("2795", "2")
    assert float(bowtie2["test_r2"]) >= 0.94
    assert float(hisat2["test_r2"]) >= 0.93
    assert float(bowtie2["test_median_ape"]) <= 0.08
    assert float(hisat2["test_median_ape"]) <= 0.05
    # the sizing study's own best is 1.36 and 1.19; the mean plus 20 %, the best simple rule, 1.43 and 1.25
    for line, most in ((bowtie2, 1.42), (hisat2, 1.21)):
        assert float(line["test_rel"]) <= most
        # so far without guards and rounding; with them, what was chosen by replay on the other rows keeps the cap
        held_out = bundle.load(tmp_path / "models" / line["tool"]).facts["held_out"]
        assert held_out["failure_rate"] <= 0.05
        assert held_out["rel"] <= most


def test_the_seeds_example_is_answered_within_15_percent_without_having_seen_it(tmp_path: Path) -> None:
    with (DATA / "bowtie2.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if any(row[name] != value for name, value in EXAMPLE.items())]
    assert len(kept) < len(rows)
    held_out = tmp_path / "bowtie2.csv"
    with held_out.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    train(tmp_path, held_out)
    client = client_of(tmp_path / "models")
    answer_bytes = client.get("/bowtie2/memory/", params=EXAMPLE).json()["Required memory"]
    assert abs(answer_bytes / EXAMPLE_PEAK_BYTES - 1) <= 0.15
    assert abs(answer_bytes - EXAMPLE_PEAK_BYTES) < abs(SEEDS_ANSWER_BYTES - EXAMPLE_PEAK_BYTES)
