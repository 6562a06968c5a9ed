"""What an expression of PromQL asks for: which samples, by which labels, through which function."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import promql_parser as promql


@dataclass
class Asked:
    """A selector, and what is done with it.

    Parameters
    ----------
    sample : str
        The name of the sample, with the suffix of its type.
    fixed : mapping of str to str
        Labels with the one value that is asked for.
    labels : set of str
        All labels that the selector, or an aggregation around it, names.
    function : str
        The function that gets the selector's range; empty where the value of the moment is asked for.
    """

    sample: str
    fixed: dict[str, str] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    function: str = ""


def asked(expression: str) -> list[Asked]:
    """Parse an expression, which must be PromQL."""
    return list(_walk(promql.parse(expression), set(), ""))


def _walk(node: promql.Expr, labels: set[str], function: str) -> Iterator[Asked]:
    if isinstance(node, promql.VectorSelector):
        matchers = node.matchers.matchers
        fixed = {one.name: one.value for one in matchers if one.op == promql.MatchOp.Equal}
        yield Asked(str(node.name), fixed, labels | {one.name for one in matchers}, function)
    elif isinstance(node, promql.MatrixSelector):
        yield from _walk(node.vector_selector, labels, function)
    elif isinstance(node, promql.Call):
        for argument in node.args:
            yield from _walk(argument, labels, node.func.name)
    elif isinstance(node, promql.AggregateExpr):
        kept = set(node.modifier.labels) if node.modifier else set()
        yield from _walk(node.expr, labels | kept, "")
    elif isinstance(node, promql.BinaryExpr):
        yield from _walk(node.lhs, labels, "")
        yield from _walk(node.rhs, labels, "")
    elif isinstance(node, (promql.ParenExpr, promql.UnaryExpr)):
        yield from _walk(node.expr, labels, function)
    else:
        assert isinstance(node, (promql.NumberLiteral, promql.StringLiteral)), f"{node}: not read yet"
