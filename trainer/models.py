"""Everything that can be served as a tool's model."""

from typing import Union

from .forest import Forest
from .lines import Line
from .regressor import Regressor

Model = Union[Forest, Line, Regressor]
