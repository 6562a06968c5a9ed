"""MLServer's way to serve the seed's pipeline: a runtime whose inputs are columns."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse
from seeds_pipeline import read_table, seeds_way


class SeedsPipeline(MLModel):  # type: ignore[misc]  # MLServer is in an environment of its own
    """The fitted Pipeline."""

    async def load(self) -> bool:
        """Fit it."""
        self.pipeline = seeds_way(read_table())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict the rows of a request."""
        peaks = self.pipeline.predict(PandasCodec.decode_request(payload))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("peak", peaks)])
