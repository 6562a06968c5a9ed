"""Formulas of a configuration file -> numbers, without running Python."""

import ast
import contextlib
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import ConfigError
from trainer.expressions import Expression, Value

NAMES: dict[str, Value] = {"input_size": 2.5, "cores": 8, "queue": "long", "nothing": None}
SECONDS = timedelta(seconds=2)


def value(text: str) -> Value:
    return Expression("tpv.yml: mem", text).value(NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", 20),
        (" 3.8\n", 3.8),
        ("cores * 4", 32),
        ("-cores + +2 ** 3", 0),  # -8 + 8
        ("cores - 1 / 2", 7.5),
        ("cores // 3 % 2", 0),  # 8 // 3 is 2, 2 % 2 is 0
        ("min(max(input_size * 4, 8), 64)", 10),  # 2.5 * 4
        ("16 if input_size > 2 else 4", 16),
        ("16 if not input_size > 2 else 4", 4),
        ("1 < input_size <= 2.5", True),
        ("1 < input_size < 2.5", False),
        ("input_size >= 2 and input_size != 3", True),
        ("queue == 'long' and cores", 8),  # as in Python, the last operand asked
        ("nothing is not None or 12", 12),
        ("nothing is None", True),
        ("len(queue) + abs(-3)", 7),  # 4 + 3
        ("int('12') + int(float('3.9'))", 15),  # 12 + 3
        ("round(input_size * 1.03, 1)", 2.6),  # 2.575
        ("round(3.7)", 4),
        ("round(5, -10 ** 9)", 0),  # at once, not after a power of ten with a billion digits
        ("ceil(input_size) + floor(input_size)", 5),  # 3 + 2
        ("import math\nmath.ceil(math.sqrt(10)) + math.log2(8)", 7),  # 4 + 3
        ("1<(" * 150 + "1" + ")<2" * 150, False),  # at once, each part asked once
        ("# what the forum says\nfrom math import log10\nlog10(1000)", 3),
    ],
)
def test_a_formula_means_what_python_means(text: str, expected: Value) -> None:
    assert value(text) == pytest.approx(expected) if isinstance(expected, float) else value(text) == expected


def test_a_formula_tells_which_names_it_asks_for() -> None:
    assert Expression("", "math.ceil(max(input_size, cores)) if gpus else 1").names == {"input_size", "cores", "gpus"}


@pytest.mark.parametrize(
    "text",
    [
        "helpers.job_args_match(job, app, {'db': 'x'})",
        "job.input_datasets[0]",
        "queue.__class__",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "(lambda: 1)()",
        "{cores}",  # an f-string's text
        "{{ cores }}",  # a Jinja template's
        "f'{cores}'",
        "[1, 2]",
        "max(*queue)",
        "max(1, 2, key=abs)",
        "cores << 2",
        "queue in 'long'",
        "~cores",
    ],
)
def test_what_needs_python_itself_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="^tpv.yml: mem: cannot be evaluated: .* needs Python itself"):
        value(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "one expression"),
        ("x = 3", "one expression"),
        ("size = input_size\nsize * 2", "one expression"),
        ("cores *", "invalid syntax"),
        ("\0", "null byte"),
        ("user", "user is not known here"),
        ("math", "math is not known here"),
        ("1j", "expected finite numbers"),
        ("9" * 1999, "expected finite numbers"),
        ("1" * 2001, "longer than 2000 characters"),
        ("-" * 1999 + "1", "recursion"),
        ("x<(" * 300 + "1" + ")<x" * 300, "nested"),
    ],
)
def test_what_is_no_formula_is_told(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        value(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "2 ** 65",
        "9 ** 9 ** 9 ** 9",
        "2 ** 62 * 4",
        "(-8) ** 0.5",
        "1e308 * 10",
        "float('nan')",
        "'a' * 1000000000",
        "queue + 'er'",
        "'%s' % 3",
        "max('a', 'b')",
        "max()",
        "math.log(0)",
        "nothing + 1",
        "queue < 3",
        "float(queue)",
    ],
)
def test_arithmetic_without_a_result_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="^tpv.yml: mem: cannot be evaluated: "):
        value(text)


def test_a_name_may_be_known_to_one_job_and_not_to_another() -> None:
    formula = Expression("tpv.yml: mem", "gpus * 2")
    with pytest.raises(ConfigError, match="gpus is not known here"):
        formula.value(NAMES)
    assert formula.value({"gpus": 2}) == 4


def test_a_number_is_asked_for() -> None:
    assert Expression("", "3").number({}) == 3
    with pytest.raises(ConfigError, match="^tpv.yml: mem: expected a number"):
        Expression("tpv.yml: mem", "queue").number(NAMES)


TOKENS = ["input_size", "queue", "2.5", "64", "'a'", "None", "+", "-", "*", "**", "/", "//", "%", "(", ")", ",", "."]
TOKENS += ["<", "==", "is ", "not ", " and ", " or ", " if ", " else ", "max", "round", "int", "len", "math", "1e400"]
TOKENS += [
    "\n",
    "import math\n",
    "9" * 400,
    "0x1for x",
    "'\\d'",
    "1j",
    "[",
    "]",
    "{",
    "}",
    "lambda:",
    "f'{1}'",
    "=",
    "@",
]


@settings(deadline=SECONDS)
@given(st.one_of(st.text(), st.lists(st.sampled_from(TOKENS)).map("".join)))
def test_any_text_is_worked_out_or_refused_at_once(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(value(text), (str, int, float, type(None)))


NUMBERS = st.one_of(st.integers(0, 99).map(str), st.just("input_size"), st.just("cores"))
FORMULAS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "<", ">=", "and", "or"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"
        ),
        inner.map(lambda operand: f"(not {operand})"),
    ),
    max_leaves=12,
)


@settings(deadline=SECONDS)
@given(FORMULAS)
def test_what_is_worked_out_is_what_python_works_out(text: str) -> None:
    # the test may run what it wrote itself
    try:
        expected = eval(compile(ast.parse(text, mode="eval"), "", "eval"), dict(NAMES))  # noqa: S307
    except ZeroDivisionError:
        return
    with contextlib.suppress(ConfigError):  # beyond 2**63
        assert value(text) == expected
