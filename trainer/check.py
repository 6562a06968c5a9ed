"""Checks memory_rules.yml and job_conf.yml, and rehearses a job with the service that they name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

from galaxy_memory_rules.config import RulesConfig
from galaxy_memory_rules.decision import client_for
from galaxy_memory_rules.errors import FaultySetting
from galaxy_memory_rules.messages import JobDescription
from galaxy_memory_rules.yaml_files import load_section

from .check_job_conf import of_destinations, of_rule
from .check_report import Destined, Report, Service
from .check_settings import of_settings, read_settings
from .findings import Finding, error_at, of_fault, warning_at
from .job_conf import JobConf, read_job_conf
from .known_tools import ANY_TOOL, known_tools, small_job
from .rehearsal import Asked, ask, attempts


def check(settings: Path, job_conf: Path, described: Optional[JobDescription]) -> Report:
    """Check both files, ask the service, and go with a job through every destination.

    Parameters
    ----------
    settings : Path
        memory_rules.yml.
    job_conf : Path
        Galaxy's job_conf.yml.
    described : JobDescription or None
        The job; None for a small one of the first tool that the service knows.

    Returns
    -------
    Report
        What was found; without the service and the destinations where memory_rules.yml has faults.
    """
    config, findings = read_settings(settings)
    try:
        conf = read_job_conf(job_conf)
    except FaultySetting as fault:
        conf = None
        findings.append(of_fault(fault))
    if conf is not None:
        findings += of_rule(conf, settings)
    if config is None:
        return Report(settings, job_conf, findings)
    findings += of_settings(settings, config)
    if conf is not None:
        findings += of_destinations(conf, config, load_section(settings))
    try:
        return _rehearsed(Report(settings, job_conf, findings), config, conf, described)
    finally:
        client_for(config).close()


def _rehearsed(
    report: Report, config: RulesConfig, conf: Optional[JobConf], described: Optional[JobDescription]
) -> Report:
    tools = known_tools(config)
    job = described or (small_job(config, tools[0]) if tools else ANY_TOOL)
    asked = ask(config, job)
    findings = [*report.findings, *_of_answer(report.settings, asked, tools)]
    service = Service(config.service_url, config.deadline_seconds, asked, tools)
    destined = list(_destined(config, conf, job)) if conf else []
    return Report(report.settings, report.job_conf, findings, service, job, destined)


def _destined(config: RulesConfig, conf: JobConf, job: JobDescription) -> Iterator[Destined]:
    # where jobs go comes first
    for name in sorted(config.destinations, key=lambda name: name != config.destination):
        for environment in conf.named(name):
            if not environment.is_rule:
                first, second = attempts(config, name, environment.destination(), job)
                yield Destined(name, name == config.destination, first, second)


def _of_answer(settings: Path, asked: Asked, tools: Sequence[str]) -> Iterator[Finding]:
    fields, why = load_section(settings), asked.decision.reasons[0]
    if asked.decision.failure:
        yield error_at(fields, "service_url", f"{why}; start `python -m service` there, or name where it listens")
    elif not asked.decision.bundle:
        known = f"it knows {', '.join(tools)}" if tools else "it tells of no other"
        yield warning_at(fields, "service_url", f"{why}; {known}")
