"""A pair of files that the check of the rule has nothing against, to plant faults in."""

from pathlib import Path

from trainer.findings import Finding

SETTINGS = """\
service_url: http://127.0.0.1:1
deadline_seconds: 0.25
floor: 512 MiB
ceiling: 64 GiB
destination: slurm
destinations:
  slurm:
    words: slurm
  local:
    env:
      GALAXY_MEMORY_MB: "{memory_mib}"
tools:
  bowtie2: {mode: shadow, canary: 0.5, fallback: 8 GiB}
"""
JOB_CONF = """\
runners:
  slurm: {load: "galaxy.jobs.runners.slurm:SlurmJobRunner"}
execution:
  default: memory_rule
  environments:
    memory_rule:
      runner: dynamic
      rules_module: galaxy_memory_rules
      function: map_job_to_destination
      rules_config: SETTINGS
      default_destination: slurm
    slurm:
      runner: slurm
      native_specification: --partition=main --mem=8192M
      resubmit:
        - condition: memory_limit_reached and attempt <= 3
          environment: memory_rule
    local:
      runner: local
tools:
  - id: upload1
    environment: local
"""


def written(folder: Path, file: str, *changes: tuple[str, str]) -> tuple[Path, Path]:
    """Write both files into a folder, one of them with changes.

    Parameters
    ----------
    folder : Path
        Where they are written.
    file : str
        Which one is changed, ``memory_rules.yml`` or ``job_conf.yml``.
    changes : tuple of (str, str)
        What stands there, once, and what takes its place.
    """
    texts = {"memory_rules.yml": SETTINGS, "job_conf.yml": JOB_CONF}
    for old, new in changes:
        assert texts[file].count(old) == 1, old
        texts[file] = texts[file].replace(old, new)
    settings, job_conf = (folder / name for name in texts)
    settings.write_text(texts["memory_rules.yml"])
    job_conf.write_text(texts["job_conf.yml"].replace("SETTINGS", str(settings)))
    return settings, job_conf


def told(findings: list[Finding]) -> list[tuple[str, int | None, str]]:
    """Return level, line and key of each finding."""
    return [(finding.level, finding.line, finding.key) for finding in findings]
