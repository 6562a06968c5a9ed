"""Python expressions out of a configuration file, worked out without running any Python."""

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Union

from galaxy_memory_rules.errors import ConfigError

from .tpv_sizes import GET_INPUT_SIZE

# the last one is what is asked of a job by a call
Value = Union[str, int, float, bool, None, Callable[..., float]]
_Step = Callable[[Mapping[str, Value]], Value]

_LONGEST_TEXT = 2000
_LARGEST_NUMBER = 2**63
_LARGEST_EXPONENT = 64


@dataclass(frozen=True)
class Expression:
    """A formula of numbers, texts, names, arithmetic, comparisons, and/or/not, ``a if b else c`` and some functions.

    The functions are ``min``, ``max``, ``int``, ``float``, ``round``, ``abs`` and ``len``, and, with or without
    ``math.`` before them, ``ceil``, ``floor``, ``sqrt``, ``log``, ``log2``, ``log10`` and ``log1p``, and
    ``helpers.get_input_size(job, ...)`` where the names tell it. A text that is no such formula is refused when it is
    first asked for anything.

    Parameters
    ----------
    place : str
        Where it stands, for errors: file and key.
    text : str
        The formula as Python writes it, for example ``max(8, input_size * 2)``; imports before it are passed over.
    """

    place: str
    text: str

    @property
    def names(self) -> frozenset[str]:
        """The names whose values it asks for.

        Raises
        ------
        ConfigError
            If the text is no such formula.
        """
        return self._parsed[1]

    def value(self, names: Mapping[str, Value]) -> Value:
        """Work it out.

        Parameters
        ----------
        names : mapping of str to str, int, float, bool, None or callable
            What each name stands for; ``helpers.get_input_size`` is called without the job.

        Raises
        ------
        ConfigError
            If the text is no such formula, a name is not known, or the arithmetic has no result: a division by zero,
            a text times a number, or a number beyond 2**63.
        """
        try:
            return self._parsed[0](names)
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise ConfigError(f"{self.place}: cannot be evaluated: {error}") from error

    def number(self, names: Mapping[str, Value]) -> float:
        """Work out a number.

        Raises
        ------
        ConfigError
            As of `value`, and if it is no number.
        """
        value = self.value(names)
        if not isinstance(value, (int, float)):
            raise ConfigError(f"{self.place}: expected a number")
        return value

    @cached_property
    def _parsed(self) -> tuple[_Step, frozenset[str]]:
        try:
            tree = _parse(self.text)
            step = _step(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = str(error) or "nested too deeply"
            raise ConfigError(f"{self.place}: cannot be evaluated: {reason}") from error
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return step, frozenset(names - {*_FUNCTIONS, "math"})


def _parse(text: str) -> ast.expr:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"longer than {_LONGEST_TEXT} characters")
    with warnings.catch_warnings():
        # of odd escapes and the like, which are the administrator's and not ours
        warnings.simplefilter("ignore")
        lines = ast.parse(text.strip()).body
    # nothing but a function below can be called, wherever it was imported from
    statements = [line for line in lines if not isinstance(line, (ast.Import, ast.ImportFrom))]
    if len(statements) != 1 or not isinstance(statements[0], ast.Expr):
        raise ValueError("expected one expression; statements are not run")
    found: ast.expr = _AskedOfTheJob().visit(statements[0].value)
    return found


class _AskedOfTheJob(ast.NodeTransformer):
    """Turns what is asked of the job into a call of one name, which stands beside the other names."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if [ast.unparse(part) for part in (node.func, *node.args[:1])] != [GET_INPUT_SIZE, "job"]:
            return node
        return ast.Call(ast.Name(GET_INPUT_SIZE, ast.Load()), node.args[1:], node.keywords)


def _step(node: ast.AST) -> _Step:
    if type(node) not in _STEPS:
        raise _beyond(node)
    return _STEPS[type(node)](node)


def _beyond(node: ast.AST) -> ValueError:
    return ValueError(f"{ast.unparse(node)[:60]!r} needs Python itself, which is not run")


def _constant(node: ast.Constant) -> _Step:
    value = node.value if node.value is None or isinstance(node.value, str) else _number(node.value)
    return lambda names: value


def _name(node: ast.Name) -> _Step:
    def look_up(names: Mapping[str, Value]) -> Value:
        if node.id not in names:
            raise ValueError(f"{node.id} is not known here")
        return names[node.id]

    return look_up


def _call(node: ast.Call) -> _Step:
    if isinstance(node.func, ast.Name) and node.func.id == GET_INPUT_SIZE:
        return _asked(node, node.func)
    function = _FUNCTIONS.get(ast.unparse(node.func).removeprefix("math."))
    if function is None or node.keywords:
        raise _beyond(node)
    call = _applied(function, node.args)
    return lambda names: _number(call(names))


def _asked(node: ast.Call, name: ast.Name) -> _Step:
    look_up: Callable[[Mapping[str, Value]], Any] = _name(name)
    operands = [_step(operand) for operand in node.args]
    if any(keyword.arg is None for keyword in node.keywords):
        raise _beyond(node)
    told = {str(keyword.arg): _step(keyword.value) for keyword in node.keywords}
    return lambda names: _number(
        look_up(names)(*(step(names) for step in operands), **{key: step(names) for key, step in told.items()})
    )


def _applied(function: Callable[..., Any], operands: Iterable[ast.AST]) -> _Step:
    steps = [_step(operand) for operand in operands]
    return lambda names: function(*(step(names) for step in steps))


def _comparison(node: ast.Compare) -> _Step:
    tests = [_operator(sign, node) for sign in node.ops]

    def compare(*values: Value) -> bool:
        return all(test(left, right) for test, left, right in zip(tests, values, values[1:]))

    return _applied(compare, [node.left, *node.comparators])


def _boolean(node: ast.BoolOp) -> _Step:
    steps, decisive = [_step(operand) for operand in node.values], isinstance(node.op, ast.Or)

    def choose(names: Mapping[str, Value]) -> Value:
        value: Value = None
        for step in steps:
            value = step(names)
            if bool(value) is decisive:
                break
        return value

    return choose


def _conditional(node: ast.IfExp) -> _Step:
    test, body, otherwise = _step(node.test), _step(node.body), _step(node.orelse)
    return lambda names: body(names) if test(names) else otherwise(names)


def _operator(sign: ast.AST, node: ast.AST) -> Callable[..., Any]:
    if type(sign) not in _OPERATORS:
        raise _beyond(node)
    return _OPERATORS[type(sign)]


def _number(value: Any) -> Any:
    # NaN fails as well
    if not isinstance(value, (int, float)) or not abs(value) <= _LARGEST_NUMBER:
        raise ValueError("expected finite numbers, none beyond 2**63")
    return value


def _arithmetic(function: Callable[..., Any]) -> Callable[..., Any]:
    # operands and result are checked, so that no number grows until arithmetic takes long
    return lambda *operands: _number(function(*(_number(operand) for operand in operands)))


def _power(base: float, exponent: float) -> Any:
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError(f"expected no exponent beyond {_LARGEST_EXPONENT}")
    return base**exponent


def _round(number: Any, digits: Any = None) -> Any:
    # round(5, -10**9) would work out that power of ten first, and is 0 as with any power beyond the largest number
    return round(number, digits if digits is None else max(digits, -_LARGEST_EXPONENT))


_STEPS: Mapping[type[ast.AST], Callable[[Any], _Step]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.UnaryOp: lambda node: _applied(_operator(node.op, node), [node.operand]),
    ast.BinOp: lambda node: _applied(_operator(node.op, node), [node.left, node.right]),
    ast.Call: _call,
    ast.Compare: _comparison,
    ast.BoolOp: _boolean,
    ast.IfExp: _conditional,
}
_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.UAdd: _arithmetic(operator.pos),
    ast.USub: _arithmetic(operator.neg),
    ast.Add: _arithmetic(operator.add),
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
    ast.Pow: _arithmetic(_power),
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "int": int,
    "float": float,
    "round": _round,
    "abs": abs,
    "len": len,
    **{name: getattr(math, name) for name in ("ceil", "floor", "sqrt", "log", "log2", "log10", "log1p")},
}
