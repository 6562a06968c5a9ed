"""Any other estimator of models.json: its point prediction with the spread of its out-of-fold residuals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .distribution import Beliefs, Grid, Rows, Vector
from .features import Matrix
from .lines import LEVELS, spread_of

# What skops may build beside scikit-learn's public estimators, by the module that defines it. All of these hold
# numbers only; functions, whatever module they are in, are not among them.
_TRUSTED_PARTS = frozenset(
    {
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.EuclideanDistance32",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance32",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance32",
        *(f"sklearn._loss.loss.{loss}" for loss in ("HalfTweedieLossIdentity", "HalfPoissonLoss", "HalfGammaLoss")),
        *(f"sklearn._loss.loss.{loss}" for loss in ("HalfSquaredError", "AbsoluteError", "PinballLoss", "HuberLoss")),
        *(f"sklearn.gaussian_process.kernels.{kernel}" for kernel in ("ConstantKernel", "Product", "Sum", "RBF")),
    }
)


@dataclass(frozen=True)
class Regressor:
    """A fitted scikit-learn estimator of the log peak and the distribution of its errors.

    Parameters
    ----------
    estimator : object
        Anything with ``predict``, fitted on log peaks.
    residuals : Grid of LEVELS edges
        Quantiles of (recorded - predicted log peak) on rows that the estimator had not seen, ascending.
    """

    estimator: Any
    residuals: Grid

    @classmethod
    def with_spread(
        cls, estimator: Any, matrix: Matrix, log_peaks: Vector, folds: Sequence[tuple[Rows, Rows]]
    ) -> "Regressor":
        """Fit an estimator to all rows, and keep the spread of its errors on rows that a fit had not seen.

        Parameters
        ----------
        estimator : object
            Unfitted, or fitted on other rows.
        matrix : array of shape (n_rows, n_columns)
            The jobs.
        log_peaks : array of shape (n_rows,)
            Their peaks, natural logarithms of bytes.
        folds : sequence of pairs of int arrays
            Rows to fit on and rows to predict; the last pair is used.

        Notes
        -----
        The distribution of a split-conformal predictor (Vovk et al. 2005; Lei et al. 2018,
        https://doi.org/10.1080/01621459.2017.1307116): the same spread, on the log scale, around every prediction.
        """
        from sklearn.base import clone

        kept, held_out = folds[-1]
        points = clone(estimator).fit(matrix[kept], log_peaks[kept]).predict(matrix[held_out])
        return cls(clone(estimator).fit(matrix, log_peaks), Grid(spread_of(log_peaks[held_out] - np.ravel(points))))

    def predict(self, matrix: Matrix) -> Beliefs:
        """Return the predictive distribution of each row."""
        return Beliefs.around(np.asarray(self.estimator.predict(matrix), dtype=np.float64).ravel(), self.residuals)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {"residuals": self.residuals.edges.astype("<f8")}

    def to_bytes(self) -> bytes:
        """Return the estimator in skops' format, which holds data and no code."""
        import skops.io

        content: bytes = skops.io.dumps(self.estimator)
        return content

    @classmethod
    def from_bytes(cls, content: bytes, arrays: Mapping[str, npt.NDArray[Any]]) -> "Regressor":
        """Read, audit, construct: nothing is built unless every part of it is on the list.

        Raises
        ------
        BundleError
            If the content names a type that is not on the list, or cannot be read.
        """
        residuals = arrays["residuals"]
        if residuals.shape != (LEVELS,) or residuals.dtype.kind != "f" or not np.isfinite(residuals).all():
            raise BundleError(f"residuals: expected {LEVELS} finite numbers; train this tool again")
        # imported only where such a bundle is opened: scikit-learn costs 1.5 s and 170 MB
        import skops.io

        try:
            named = skops.io.get_untrusted_types(data=content)
            refused = sorted(set(named) - _TRUSTED_PARTS)
            if refused:
                raise BundleError(f"estimator.skops names {', '.join(refused)}, which is not trusted; not loaded")
            return cls(skops.io.loads(content, trusted=named), Grid(residuals))
        except BundleError:
            raise
        # skops raises whatever its zip, JSON and state readers meet
        except Exception as error:
            raise BundleError(f"estimator.skops cannot be read ({error}); train this tool again") from error
