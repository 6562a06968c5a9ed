"""A real job handler of Galaxy, one step at a time: its own queue, mapper, wrapper and resubmission, without threads.

Galaxy is imported late, so that the other tests can be collected where it is not installed.
"""

import shutil
from types import SimpleNamespace
from typing import Any

from real_galaxy import Galaxy


class Handler:
    """Dispatches the jobs of a Galaxy to a scheduler that the test plays.

    Parameters
    ----------
    galaxy : Galaxy
        Configured before; its object store is a folder of the test, as the handler needs one for its own files.
    """

    def __init__(self, galaxy: Galaxy) -> None:
        from galaxy.jobs.handler import JobHandlerQueue

        self._galaxy = galaxy
        self._serve(galaxy)
        self.dispatched: list[Any] = []
        self.recovered: list[Any] = []
        self._queue = JobHandlerQueue(
            galaxy.app, SimpleNamespace(put=self._put, recover=self._recover, url_to_destination=None)
        )
        self._runner = self._scheduler(galaxy)

    @staticmethod
    def _serve(galaxy: Galaxy) -> None:
        """Give the application what a handler looks for and the other tests do without."""
        from galaxy.quota import NoQuotaAgent
        from galaxy.web_stack import ApplicationStack

        app = galaxy.app
        # the other one would roll back what the handler does: a database in memory has one connection
        app.quota_agent = NoQuotaAgent()
        for option, value in {
            "track_jobs_in_database": True,
            "server_name": "main",
            "job_handler_monitor_sleep": 1,
            "monitor_thread_join_timeout": 1,
            "cache_user_job_count": False,
            "cleanup_job": "never",
            "retry_job_output_collection": 0,
            "job_runner_monitor_sleep": 1,
        }.items():
            setattr(app.config, option, value)
        # SQLite does not, but its dialect leaves the words out, and 24.2 builds no query without them
        app.application_stack = ApplicationStack(app)
        app.application_stack.supports_skip_locked = lambda: True
        app.toolbox = SimpleNamespace(
            has_tool=lambda *_, **__: True,
            tool_for_job=lambda *_, **__: galaxy.tool,
            get_tool=lambda *_, **__: galaxy.tool,
        )
        galaxy.tool.get_job_destination = lambda params=None: app.job_config.get_destination(None)

    @staticmethod
    def _scheduler(galaxy: Galaxy) -> Any:
        from galaxy.jobs.runners import BaseJobRunner

        runner = BaseJobRunner(galaxy.app, 0)
        # the job is dead already
        runner.stop_job = lambda job_wrapper: None
        return runner

    def _put(self, wrapper: Any) -> bool:
        """Do what a runner does first of all, while the handler waits."""
        self.dispatched.append(wrapper)
        return bool(wrapper.enqueue())

    def _recover(self, job: Any, wrapper: Any) -> None:
        self.recovered.append(wrapper)

    def step(self) -> list[Any]:
        """Look for jobs once, as the handler's thread does every second; return the wrappers of those dispatched."""
        self.dispatched.clear()
        self._queue._JobHandlerQueue__handle_waiting_jobs()
        return list(self.dispatched)

    def run(self, wrapper: Any, external_id: str = "17") -> None:
        """Submit a dispatched job and let the scheduler start it, as a runner's worker does."""
        wrapper.set_job_destination(wrapper.job_destination, external_id)
        wrapper.change_state(self._galaxy.model.Job.states.RUNNING)

    def kill(self, wrapper: Any, why: str, message: str = "killed") -> None:
        """Fail a job for a reason that Galaxy's runners know: ``memory_limit_reached``, ``walltime_reached``..."""
        from galaxy.jobs.runners import JobState

        state = JobState(wrapper, wrapper.job_destination)
        state.job_id = "17"
        state.runner_state = getattr(JobState.runner_states, why.upper())
        state.fail_message = message
        # Galaxy keeps the folder of a killed attempt by the second in which it died
        shutil.rmtree(wrapper.working_directory)
        self._runner.fail_job(state)

    def unknown(self, job: Any) -> Any:
        """Return a wrapper of a job whose destination was not looked up yet."""
        return self._queue.job_wrapper(job)

    def restart(self) -> None:
        """Begin again with what the database knows, as a handler that was killed."""
        from galaxy.jobs.handler import JobHandlerQueue

        self._queue = JobHandlerQueue(self._galaxy.app, self._queue.dispatcher)
        self._queue._JobHandlerQueue__check_jobs_at_startup()


class Story:
    """One job between a handler and its scheduler.

    Parameters
    ----------
    galaxy : Galaxy
        The only one of the test.
    rule : Any
        The params of the rule in job_conf.
    """

    def __init__(self, galaxy: Galaxy, **rule: Any) -> None:
        self.galaxy = galaxy
        galaxy.configure(**rule)
        self.handler = Handler(galaxy)
        job = galaxy.job({"type": "single", "input_1": galaxy.dataset(30_000_000)})
        job.handler = "main"
        job.set_state("new")
        galaxy.session.commit()
        self.job_id = job.id

    @property
    def job(self) -> Any:
        """The job as the database has it now."""
        self.galaxy.session.expire_all()
        return self.galaxy.session.get(self.galaxy.model.Job, self.job_id)

    def dispatched(self) -> Any:
        """Let the handler pick the job up, and return its wrapper."""
        (wrapper,) = self.handler.step()
        return wrapper

    def running(self) -> Any:
        """The same, and let the scheduler start it."""
        wrapper = self.dispatched()
        self.handler.run(wrapper)
        return wrapper

    def killed(self, why: str = "memory_limit_reached", text: str = "killed") -> None:
        """The same, and let it die."""
        self.handler.kill(self.running(), why, text)

    def end(self) -> None:
        """Leave nothing for the handler of the next story."""
        self.job.state = "ok"
        self.galaxy.session.commit()
