"""Writes week.csv: a busy week of the recorded jobs, each as often as chance, and always the same chance, has it.

``python examples/plan/make_week.py`` writes it anew from bowtie2_full.csv and hisat2_full.csv in the folder above.
"""

import csv
import io
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = ("bowtie2", "hisat2")
# On a server a few jobs are run by everyone, most by few: the logarithm of a count is normal.
MIDDLE, SPREAD = 6.9, 1.0
# What is measured while a job runs, or says how it was recorded: none of it is known when a week is planned.
_NOT_PLANNED = {
    *("memory.max_usage_in_bytes", "job", "index_cold", "read_count", "read_length", "genome_bp", "wall_seconds"),
    *("cpu_seconds", "peak_rss_bytes", "peak_cache_bytes", "exit_code", "galaxy_slots"),
}


def week() -> str:
    """Return the text of week.csv."""
    chance = random.Random(7)
    rows = [_row(tool, job, chance) for tool in TOOLS for job in _recorded(tool)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _recorded(tool: str) -> list[dict[str, str]]:
    with (HERE.parent / f"{tool}_full.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _row(tool: str, job: dict[str, str], chance: random.Random) -> dict[str, str]:
    planned = {
        "tool": tool,
        "count": str(max(round(chance.lognormvariate(MIDDLE, SPREAD)), 1)),
        "run_seconds": job["wall_seconds"],
        "slots": job["galaxy_slots"],
    }
    return {
        **planned,
        **{name: "" if cell == "nan" else cell for name, cell in job.items() if name not in _NOT_PLANNED},
    }


if __name__ == "__main__":
    (HERE / "week.csv").write_text(week())
