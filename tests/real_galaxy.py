"""A real Galaxy without its web server: its own classes record a job and map it to a destination.

Galaxy is imported late, so that the other tests can be collected where it is not installed.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


def _release() -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version("galaxy-app").split(".")[:2])
    except PackageNotFoundError:
        return ()


# the Galaxy installed here, as 26.1 -> (26, 1)
RELEASE = _release()
JOB_CONF = ROOT / "examples" / "job_conf.yml"

# The inputs of the real bowtie2, cut down, and two that show what else Galaxy records.
BOWTIE2 = """<tool id="bowtie2" name="Bowtie2" version="2.5.0+galaxy0" profile="24.0">
  <command>true</command>
  <inputs>
    <conditional name="library">
      <param name="type" type="select">
        <option value="single"/><option value="paired"/><option value="paired_collection"/><option value="many"/>
      </param>
      <when value="single"><param name="input_1" type="data" format="fastqsanger"/></when>
      <when value="paired">
        <param name="input_1" type="data" format="fastqsanger"/>
        <param name="input_2" type="data" format="fastqsanger"/>
      </when>
      <when value="paired_collection">
        <param name="input_1" type="data_collection" collection_type="paired" format="fastqsanger"/>
      </when>
      <when value="many"><param name="input_1" type="data" format="fastqsanger" multiple="true"/></when>
    </conditional>
    <conditional name="reference_genome">
      <param name="source" type="select"><option value="indexed"/><option value="history"/></param>
      <when value="indexed"/>
      <when value="history"><param name="own_file" type="data" format="fasta"/></when>
    </conditional>
    <param name="annotation" type="data" format="gtf" optional="true"/>
    <param name="title" type="text" optional="true"/>
    <repeat name="queries" title="Queries"><param name="kind" type="text"/></repeat>
    <param name="save_mapping_stats" type="boolean"/>
  </inputs>
  <outputs/>
</tool>"""


class Untouchable:
    """Stands where Galaxy's object store would be: whoever looks at a file fails the test."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the object store was asked for {name}")


class Galaxy:
    """An application with an in-memory database, one tool, and the example's job configuration.

    Parameters
    ----------
    folder : Path
        Where its configuration is written.
    """

    def __init__(self, folder: Path) -> None:
        from galaxy import model
        from galaxy.app_unittest_utils.galaxy_mock import MockApp, MockTrans
        from galaxy.job_metrics import JobMetrics
        from galaxy.tool_util.parser import get_tool_source
        from galaxy.tools import create_tool_from_source
        from galaxy.util.bunch import Bunch

        self._folder = folder
        self.model = model
        self.app = MockApp()
        self.app.job_metrics = JobMetrics()
        self.session = self.app.model.session
        tool_file = folder / "bowtie2.xml"
        tool_file.write_text(BOWTIE2)
        self.app.job_config["get_job_tool_configurations"] = lambda *_, **__: [Bunch(handlers=[], params={})]
        self.tool = create_tool_from_source(self.app, get_tool_source(str(tool_file)), config_file=str(tool_file))
        user = model.User(email="jane@example.org", password="secret", username="jane")
        history = model.History(name="Jane's history", user=user)
        self.session.add(history)
        self.session.commit()
        self._user_id, self._history_id = user.id, history.id
        self._trans = MockTrans(app=self.app)
        model.Dataset.object_store = Untouchable()

    # a handler empties the session at each look for jobs: whoever was loaded before does not belong to it any more
    @property
    def user(self) -> Any:
        """Jane."""
        return self.session.get(self.model.User, self._user_id)

    @property
    def history(self) -> Any:
        """The history that her datasets are in."""
        return self.session.get(self.model.History, self._history_id)

    def configure(self, **rule_params: Any) -> Any:
        """Read examples/job_conf.yml as Galaxy does, with these params of its rule instead of the example's."""
        from galaxy.jobs import JobConfiguration

        job_conf = yaml.safe_load(JOB_CONF.read_text())
        rule = job_conf["execution"]["environments"]["memory_rule"]
        for name in ("rules_config", "default_destination"):
            rule.pop(name)
        rule.update(rule_params)
        file = self._folder / "job_conf.yml"
        file.write_text(yaml.safe_dump(job_conf, sort_keys=False))
        self.app.config.job_config_file = str(file)
        for option in ("default_job_resubmission_condition", "job_resource_params_file", "use_tasked_jobs"):
            setattr(self.app.config, option, "")
        self.app.job_config = JobConfiguration(self.app)
        return self.app.job_config

    def dataset(self, size_bytes: int | None, extension: str = "fastqsanger") -> Any:
        """Return a new dataset of the history."""
        found = self.model.HistoryDatasetAssociation(
            name="Jane's tumour",
            extension=extension,
            history=self.history,
            create_dataset=True,
            sa_session=self.session,
        )
        return self._stored(found, size_bytes)

    def library_dataset(self, size_bytes: int, extension: str = "fasta") -> Any:
        """Return a new dataset of a data library."""
        found = self.model.LibraryDatasetDatasetAssociation(
            name="Jane's genome", extension=extension, create_dataset=True, sa_session=self.session, user=self.user
        )
        return self._stored(found, size_bytes)

    def _stored(self, found: Any, size_bytes: int | None) -> Any:
        found.dataset.file_size = size_bytes
        found.dataset.state = "ok"
        self.session.add(found)
        self.session.commit()
        return found

    def collection(self, kind: str, elements: Mapping[str, Any]) -> Any:
        """Return a new collection of the history; its elements are datasets, or mappings of them."""
        found = self.model.HistoryDatasetCollectionAssociation(
            collection=self._collection(kind, elements), name="Jane's collection", history=self.history
        )
        self.session.add(found)
        self.session.commit()
        return found

    def add_thousands(self, job: Any, name: str, count: int) -> None:
        """Give a job a list of so many datasets, of 0, 1, 2... bytes, in the rows that Galaxy would write."""
        whole = self.collection("list", {})
        job.add_input_dataset_collection(name, whole)
        self.session.commit()
        # far above the ids of the other tests
        ids = [1_000_000 + number for number in range(count)]
        model, reads = self.model, {"history_id": self.history.id, "extension": "fastqsanger", "name": "Jane's"}
        elements = {"dataset_collection_id": whole.collection.id}
        for table, rows in {
            model.Dataset: [{"id": row, "state": "ok", "file_size": size} for size, row in enumerate(ids)],
            model.HistoryDatasetAssociation: [{"id": row, "dataset_id": row, **reads} for row in ids],
            model.DatasetCollectionElement: [
                {"hda_id": row, "element_index": index, "element_identifier": f"Jane {index}", **elements}
                for index, row in enumerate(ids)
            ],
            model.JobToInputDatasetAssociation: [
                {"job_id": job.id, "dataset_id": row, "name": f"{name}{number}", "dataset_version": 1}
                for number, row in enumerate(ids, 1)
            ],
        }.items():
            self.session.execute(table.__table__.insert(), rows)
        self.session.commit()

    def _collection(self, kind: str, elements: Mapping[str, Any]) -> Any:
        outer = self.model.DatasetCollection(collection_type=kind, populated=True)
        for index, (name, element) in enumerate(elements.items()):
            if isinstance(element, Mapping):
                element = self._collection(kind.partition(":")[2], element)
            self.model.DatasetCollectionElement(
                collection=outer, element=element, element_identifier=name, element_index=index
            )
        self.session.add(outer)
        return outer

    def job(self, library: Mapping[str, Any], genome: Any = None, **parameters: Any) -> Any:
        """Record a job as Galaxy's own tool action does."""
        from galaxy.tools.actions import DefaultToolAction

        reference = {"source": "indexed"} if genome is None else {"source": "history", "own_file": genome}
        incoming = {
            "library": {"__current_case__": 0, **library},
            "reference_genome": {"__current_case__": 0, **reference},
            "annotation": None,
            "queries": [],
            "save_mapping_stats": False,
            "dbkey": "hg38",
            **parameters,
        }
        job = self.model.Job()
        job.tool_id, job.tool_version, job.user = self.tool.id, self.tool.version, self.user
        self.session.add(job)
        action = DefaultToolAction()
        # the second and third of what it returns, a plain tuple up to 25.1
        _, datasets, collections, *_ = action._collect_inputs(self.tool, self._trans, incoming, self.history, [], None)
        action._record_inputs(self._trans, self.tool, job, incoming, datasets, collections)
        self.session.commit()
        return job

    def map(self, job: Any, resubmitted_to: Any = None) -> Any:
        """Map a job to its destination as Galaxy's job handler does."""
        from galaxy.jobs.mapper import JobRunnerMapper

        wrapper = SimpleNamespace(
            app=self.app,
            tool=SimpleNamespace(
                id=self.tool.id,
                version=self.tool.version,
                all_ids=self.tool.all_ids,
                get_job_destination=lambda params: self.app.job_config.get_destination(None),
            ),
            job_id=job.id,
            get_job=lambda: job,
            get_resource_parameters=lambda job: {},
        )
        mapper = JobRunnerMapper(wrapper, None, self.app.job_config)
        if resubmitted_to is None:
            return mapper.get_job_destination({})
        return mapper.cache_job_destination(resubmitted_to)

    def unsaved(self) -> Sequence[Any]:
        """Return what would be written to the database by the next commit."""
        return [*self.session.new, *self.session.dirty]
