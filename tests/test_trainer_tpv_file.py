"""A file of TPV rules, whatever stands in it."""

import contextlib
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_trainer_tpv_rules import BOWTIE2, BWA_MEM, SITE, job, tpv

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import GIB
from trainer.tpv_file import load


@pytest.mark.parametrize("head", ["", "global: {default_inherits: base}\n"])
def test_the_default_is_the_one_named_or_the_one_of_the_shared_database(head: str, tmp_path: Path) -> None:
    rules = tpv(head + "tools: {default: {mem: 3}, base: {mem: 5}}", tmp_path)
    assert rules.memory_bytes(job("sort")) == (5 if head else 3) * GIB


def test_rules_may_stand_in_a_mapping_too(tmp_path: Path) -> None:
    rules = tpv("tools: {sort: {mem: 1, rules: {large: {if: input_size > 1, mem: 8}}}}", tmp_path)
    assert [rules.memory_bytes(job("sort", size)) for size in (1, 2)] == [GIB, 8 * GIB]


def test_what_no_record_tells_is_noted(tmp_path: Path) -> None:
    text = """
    tools: {sort: {mem: 20}}
    roles: {training.*: {max_mem: 7}}
    users: {default: {rules: [{if: input_size > 1, mem: 5}]}}
    destinations: {slurm: {runner: slurm, max_accepted_mem: 64, params: {x: '{mem}'}}}
    """
    rules = tpv(text, tmp_path)
    assert rules.memory_bytes(job("sort")) == 20 * GIB
    # the destination changes no memory: it only takes or refuses a job
    assert [note.split(": ")[1] for note in rules.skipped] == ["roles", "users"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tools: [", "cannot be read as YAML"),
        ("tools: {sort: {mem: {{ mem }}}}", "(?s)cannot be read as YAML .*; is it a template still to be filled"),
        ("tools: {sort: {mem: 2001-99-99}}", "cannot be read as YAML"),
        ("tools: {sort: {mem: !!int ''}}", "cannot be read as YAML"),
        ("- tools", "tpv.yml: expected a mapping"),
        ("", "tpv.yml: tools: expected an entry for each tool"),
        ("destinations: {slurm: {}}", "tpv.yml: tools: expected an entry for each tool"),
        ("tools: {1: {mem: 2}}", "tpv.yml: tools: expected a mapping"),
        ("tools: {sort: 4}", "tpv.yml: tools: sort: expected a mapping"),
        ("tools: {sort: {mem: [4]}}", "tpv.yml: tools: sort: mem: expected a text or a number"),
        ("tools: {sort: {mem: 2001-01-01}}", "tpv.yml: tools: sort: mem: expected a text or a number"),
        ("tools: {sort: {inherits: [a]}}", "tpv.yml: tools: sort: inherits: expected a text"),
        ("tools: {sort: {inherits: uniq}}", "tpv.yml: tools: sort: inherits: expected another tool .* not 'uniq'"),
        ("tools: {a: {inherits: b}, b: {inherits: a}}", "inherits: expected another tool of the file"),
        ("tools: {sort: {context: [a]}}", "tpv.yml: tools: sort: context: expected a mapping"),
        ("tools: {sort: {rules: 3}}", "tpv.yml: tools: sort: rules: expected a mapping"),
        ("tools: {sort: {rules: [3]}}", r"tpv.yml: tools: sort: rules\[0\]: expected a mapping"),
        ("tools: {sort: {rules: [{mem: 3}]}}", r"tpv.yml: tools: sort: rules\[0\]: if: expected the condition"),
        ("tools: {sort: {rules: [{id: big, if: [a]}]}}", "tpv.yml: tools: sort: rules: big: if: expected a text"),
        ("tools: {'(sort': {mem: 2}}", r"tpv.yml: tools: \(sort: expected a regular expression"),
        ("tools: {'a{99999999999}': {mem: 2}}", "expected a regular expression"),
        ("global: {default_inherits: [a]}\ntools: {sort: {mem: 2}}", "tpv.yml: global: default_inherits: expected"),
    ],
)
def test_a_file_that_tpv_could_not_use_is_refused_by_key(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        tpv(text, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere.yml: cannot be read"):
        load(tmp_path / "nowhere.yml")


WORDS = ["tools", "default", "sort", "mem", "if", "rules", "inherits", "context", "global", "id", "fail", "abstract"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["input_size", "cores"])
)
CONTENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(WORDS), SCALARS), inner, max_size=4)
    ),
    max_leaves=20,
)
FILES = st.one_of(
    st.text(),
    st.text("!{}[]:-#&*?|>%@`'\"\n 0123456789abmest.()<"),
    CONTENTS.map(yaml.safe_dump),
    st.fixed_dictionaries(
        {"tools": st.dictionaries(st.one_of(st.sampled_from(["sort", ".*", "[[a]"]), st.text()), CONTENTS, max_size=3)}
    ).map(yaml.safe_dump),
    st.dictionaries(st.sampled_from(WORDS), CONTENTS).map(lambda entry: yaml.safe_dump({"tools": {"sort": entry}})),
    # a file with a few characters lost
    st.tuples(st.integers(0, len(SITE)), st.integers(0, 40), st.text(max_size=3)).map(
        lambda cut: SITE[: cut[0]] + cut[2] + SITE[cut[0] + cut[1] :]
    ),
)


@settings(deadline=timedelta(seconds=2))
@given(FILES)
def test_any_file_is_used_or_refused_at_once(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ConfigError):
        path = Path(folder) / "tpv.yml"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        rules = load(path)
        for tool in ("sort", BOWTIE2, BWA_MEM):
            amount = rules.memory_bytes(job(tool, 7))
            assert amount is None or amount > 0
