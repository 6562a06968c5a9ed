"""BentoML's way to serve the seed's pipeline: a service whose one method takes a DataFrame."""

import bentoml
import pandas as pd
from seeds_pipeline import read_table, seeds_way


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class SeedsPipeline:
    """The fitted Pipeline."""

    def __init__(self) -> None:
        self.pipeline = seeds_way(read_table())

    @bentoml.api  # type: ignore[untyped-decorator]  # BentoML is in an environment of its own
    def predict(self, rows: pd.DataFrame) -> list[float]:
        """Predict the rows of a request."""
        return [float(peak) for peak in self.pipeline.predict(rows)]
