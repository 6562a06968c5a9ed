"""What is requested of a predictive distribution: all that serving has to know of how it was chosen."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Choice:
    """What to request of a predictive distribution.

    Parameters
    ----------
    price : float or None
        Of a failed first attempt, see `pricing`; None is beyond any price.
    factor : float
        What the cheapest request at that price is multiplied by.
    """

    price: Optional[float]
    factor: float
