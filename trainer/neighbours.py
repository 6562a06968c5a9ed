"""What a job does not tell is taken from the recorded job most like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .features import ABSENT, EXTENSION, Features, FeatureSchema, Matrix

# Recorded jobs that are kept to compare with: enough to be near any job, few enough to look at each.
MOST_KEPT = 4000
# How far apart two jobs are that differ in a category, in steps of the logarithm of a size.
_CATEGORY_DISTANCE = 1.0


@dataclass(frozen=True)
class Neighbours:
    """Recorded jobs of one tool, by their input sizes and categories.

    A live job tells everything; one who plans tells sizes and leaves the rest open. The categories of the job nearest
    in size go together, which the most frequent value of each category does not.

    Parameters
    ----------
    sizes : array of shape (n_kept, n_inputs)
        log(1 + bytes) of each input of the schema.
    codes : int array of shape (n_kept, n_categorical)
        For each categorical feature of the schema, the place of the job's value among those seen.
    """

    sizes: Matrix
    codes: npt.NDArray[np.uint16]

    @classmethod
    def learn(cls, schema: FeatureSchema, features: Sequence[Features]) -> "Neighbours":
        """Keep at most `MOST_KEPT` of the recorded jobs, evenly spaced."""
        kept = [features[row] for row in np.unique(np.linspace(0, len(features) - 1, MOST_KEPT).astype(int))]
        codes = [[seen.index(str(job.get(name, ABSENT))) for name, seen in schema.categories.items()] for job in kept]
        return cls(
            np.array([_sizes(schema, job) for job in kept], dtype=np.float32).reshape(len(kept), len(schema.inputs)),
            np.array(codes, dtype=np.uint16).reshape(len(kept), len(schema.categories)),
        )

    def complete(self, schema: FeatureSchema, features: Features) -> list[str]:
        """Fill in, in place, the categories that `features` leaves open, and return their names."""
        names = list(schema.categories)
        untold = [place for place, name in enumerate(names) if name not in features and _applies(name, features)]
        if untold:
            nearest = self._nearest(schema, features)
            for place in untold:
                features[names[place]] = schema.categories[names[place]][self.codes[nearest, place]]
        return [names[place] for place in untold]

    def _nearest(self, schema: FeatureSchema, features: Features) -> int:
        distance = np.abs(self.sizes - np.array(_sizes(schema, features), dtype=np.float32)).sum(axis=1)
        for place, (name, seen) in enumerate(schema.categories.items()):
            if features.get(name) in seen:
                distance += _CATEGORY_DISTANCE * (self.codes[:, place] != seen.index(str(features[name])))
        return int(distance.argmin())

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {"neighbour_sizes": self.sizes.astype("<f4"), "neighbour_codes": self.codes.astype("<u2")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], schema: FeatureSchema) -> "Neighbours":
        """Build from arrays, after checking that every code names a value.

        Raises
        ------
        BundleError
            If an array is missing, or does not fit the schema.
        """
        sizes, codes = arrays.get("neighbour_sizes"), arrays.get("neighbour_codes")
        if sizes is None or codes is None or sizes.dtype != np.dtype("<f4") or codes.dtype != np.dtype("<u2"):
            raise BundleError("neighbour_sizes, neighbour_codes: missing or of another type; train this tool again")
        fits = sizes.shape == (len(codes), len(schema.inputs)) and codes.shape == (len(codes), len(schema.categories))
        values = np.array([len(seen) for seen in schema.categories.values()])
        if not fits or not len(codes) or not np.isfinite(sizes).all() or (codes >= values).any():
            raise BundleError("neighbour_sizes, neighbour_codes: do not fit the schema; train this tool again")
        return cls(sizes, codes)


def _sizes(schema: FeatureSchema, features: Features) -> list[float]:
    return [float(features.get("size:" + name, 0.0)) for name in schema.inputs]


def _applies(name: str, features: Features) -> bool:
    """Whether a job could tell this: the extension of an absent input is absent."""
    return not name.startswith(EXTENSION) or "has:" + name.removeprefix(EXTENSION) in features
