"""Native specifications: the memory is replaced, and every other byte stays."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.errors import DestinationError
from galaxy_memory_rules.specifications import SGE_FLAGS, SLURM_FLAGS, Flags

GIB = 1024**3
MIB = 1024**2
# 6144 MiB, and a byte: 6145 MiB or 7 GiB hold it
REQUEST_BYTES = 6 * GIB + 1


@pytest.mark.parametrize(
    ("before", "own_bytes", "after"),
    [
        ("--mem=8192M", 8 * GIB, "--mem=6145M"),
        ("--mem=8G", 8 * GIB, "--mem=6145M"),
        ("--mem=8g", 8 * GIB, "--mem=6145M"),
        ("--mem=8GB", 8 * GIB, "--mem=6145M"),
        ("--mem=1T", 1024 * GIB, "--mem=6145M"),
        ("--mem=2097152K", 2 * GIB, "--mem=6145M"),
        # Slurm counts MiB without a suffix, and an old slurm-drmaa reads nothing else
        ("--mem=8192", 8 * GIB, "--mem=6145"),
        ("--mem 8192", 8 * GIB, "--mem 6145"),
        ("--mem 8G", 8 * GIB, "--mem 6145M"),
        ("--mem   8G", 8 * GIB, "--mem   6145M"),
        ("--mem\t8G", 8 * GIB, "--mem\t6145M"),
        # all the memory of a node; what nobody can read; what Slurm would refuse
        ("--mem=0", None, "--mem=6145"),
        ("--mem=$MEM", None, "--mem=6145M"),
        ("--mem=", None, "--mem=6145M"),
        ("--mem=2.5G", 2560 * MIB, "--mem=6145M"),
        ("--ntasks=2 --mem=8192M --time=1:00:00", 8 * GIB, "--ntasks=2 --mem=6145M --time=1:00:00"),
        ("  --mem=8G   -p  main ", 8 * GIB, "  --mem=6145M   -p  main "),
        ("--mem=8G --mem=4G", 4 * GIB, "--mem=6145M --mem=6145M"),
        # quotes
        ('--mem="8G"', 8 * GIB, '--mem="6145M"'),
        ("'--mem=8G'", 8 * GIB, "'--mem=6145M'"),
        ('--mem "8G" -p "long queue"', 8 * GIB, '--mem "6145M" -p "long queue"'),
        ('--comment="not --mem=1G" --mem=8G', 8 * GIB, '--comment="not --mem=1G" --mem=6145M'),
        ("--comment='it''s \"so\"' --mem=8G", 8 * GIB, "--comment='it''s \"so\"' --mem=6145M"),
        (r"--comment=a\ --mem=1G --mem=8G", 8 * GIB, r"--comment=a\ --mem=1G --mem=6145M"),
        # names that only look alike
        ("--mem-bind=local --mem=8G", 8 * GIB, "--mem-bind=local --mem=6145M"),
        ("--memory=1G --mem=8G", 8 * GIB, "--memory=1G --mem=6145M"),
        # each cpu's part: 6145 / 4 = 1536.25
        ("--mem-per-cpu=2G --cpus-per-task=4", 8 * GIB, "--mem-per-cpu=1537M --cpus-per-task=4"),
        ("-c 4 --mem-per-cpu=2048", 8 * GIB, "-c 4 --mem-per-cpu=1537"),
        ("-c4 --mem-per-cpu 2G", 8 * GIB, "-c4 --mem-per-cpu 1537M"),
        # 4 cpus of each of 2 tasks: 6145 / 8 = 768.1
        ("-n 2 --cpus-per-task 4 --mem-per-cpu=1G", 8 * GIB, "-n 2 --cpus-per-task 4 --mem-per-cpu=769M"),
        ("--ntasks=2 --mem-per-cpu=1G", 2 * GIB, "--ntasks=2 --mem-per-cpu=3073M"),
        ("--ntasks='2' --mem-per-cpu=1G", 2 * GIB, "--ntasks='2' --mem-per-cpu=3073M"),
        # one cpu where it says nothing, or nothing that can be read
        ("--mem-per-cpu=1G", GIB, "--mem-per-cpu=6145M"),
        ("--mem-per-cpu=1G -c $CPUS", GIB, "--mem-per-cpu=6145M -c $CPUS"),
        ("--mem-per-cpu=1G -c 0", GIB, "--mem-per-cpu=6145M -c 0"),
        ("--mem=4G --mem-per-cpu=1G -c 2", 2 * GIB, "--mem=6145M --mem-per-cpu=3073M -c 2"),
    ],
)
def test_slurms_memory_is_replaced_in_place(before: str, own_bytes: int | None, after: str) -> None:
    assert SLURM_FLAGS.read(before) == own_bytes
    assert SLURM_FLAGS.replaced(before, REQUEST_BYTES) == after


@pytest.mark.parametrize(
    ("before", "own_bytes", "after"),
    [
        ("-l h_vmem=8G", 8 * GIB, "-l h_vmem=7G"),
        ("-q all.q -l h_vmem=8G -V", 8 * GIB, "-q all.q -l h_vmem=7G -V"),
        # per slot: 6 GiB and a byte in 4 slots are 1.5 GiB and a bit
        ("-pe smp 4 -l h_vmem=2G", 8 * GIB, "-pe smp 4 -l h_vmem=2G"),
        ("-l h_vmem=8G -pe smp 4", 32 * GIB, "-l h_vmem=2G -pe smp 4"),
        ("-l h_vmem=8G -pe 'smp' \"2\"", 16 * GIB, "-l h_vmem=4G -pe 'smp' \"2\""),
        # the fewest slots of a range get enough; -8 may be one slot
        ("-pe smp 2-8 -l h_vmem=8G", 16 * GIB, "-pe smp 2-8 -l h_vmem=4G"),
        ("-pe smp -8 -l h_vmem=8G", 8 * GIB, "-pe smp -8 -l h_vmem=7G"),
        # Galaxy's job script reads G only
        ("-l h_vmem=8192M", 8 * GIB, "-l h_vmem=7G"),
        ("-l h_vmem=8589934592", 8 * GIB, "-l h_vmem=7G"),
        # sge_types(5): small letters count by 1000
        ("-l h_vmem=8g", 8 * 1000**3, "-l h_vmem=7G"),
        ("-l h_rt=3600,h_vmem=8G,mem_free=2G", 8 * GIB, "-l h_rt=3600,h_vmem=7G,mem_free=2G"),
        ("-l h_rt=3600 -l h_vmem=8G", 8 * GIB, "-l h_rt=3600 -l h_vmem=7G"),
        ("-l 'h_vmem=8G,arch=lx*'", 8 * GIB, "-l 'h_vmem=7G,arch=lx*'"),
        ('-l h_vmem="8G"', 8 * GIB, '-l h_vmem="7G"'),
        ("-l h_vmem=INFINITY", None, "-l h_vmem=7G"),
        ("-N h_vmem=1G  -l  h_vmem=8G ", 8 * GIB, "-N h_vmem=1G  -l  h_vmem=7G "),
    ],
)
def test_grid_engines_memory_is_replaced_in_place(before: str, own_bytes: int | None, after: str) -> None:
    assert SGE_FLAGS.read(before) == own_bytes
    assert SGE_FLAGS.replaced(before, REQUEST_BYTES) == after


@pytest.mark.parametrize(
    ("flags", "before", "after"),
    [
        (SLURM_FLAGS, "", "--mem=6145M"),
        (SLURM_FLAGS, "  ", "--mem=6145M"),
        (SLURM_FLAGS, "--ntasks=1  -c 4", "--ntasks=1  -c 4 --mem=6145M"),
        (SLURM_FLAGS, "--mem-bind=local", "--mem-bind=local --mem=6145M"),
        (SLURM_FLAGS, '--comment="--mem=1G"', '--comment="--mem=1G" --mem=6145M'),
        (SGE_FLAGS, "", "-l h_vmem=7G"),
        (SGE_FLAGS, "-pe smp 4", "-pe smp 4 -l h_vmem=2G"),
        (SGE_FLAGS, "-l mem_free=4G", "-l mem_free=4G -l h_vmem=7G"),
    ],
)
def test_a_specification_without_memory_says_so_and_can_be_given_some(flags: Flags, before: str, after: str) -> None:
    assert (flags.read(before), flags.replaced(before, REQUEST_BYTES)) == (None, None)
    assert flags.added(before, REQUEST_BYTES) == after


@pytest.mark.parametrize(
    ("specification", "complaint"),
    [
        ('--comment="a --mem=8G', "quotes do not end"),
        ("--mem=8G --comment='", "quotes do not end"),
        ("--mem=8G \\", "quotes do not end"),
        ("--mem", "--mem without a value"),
        ("--mem --ntasks=2", "--mem without a value"),
        ('--mem=8"19"2', "quotes inside an amount"),
        ('"--mem=8\\""', "quotes inside an amount"),
        # Slurm takes only one of the two, and what a GPU's part is nobody knows here
        ("--mem-per-gpu=8G --gpus=1", "--mem-per-gpu allows no other --mem"),
    ],
)
def test_a_specification_that_cannot_be_changed_safely_is_refused(specification: str, complaint: str) -> None:
    for change in (SLURM_FLAGS.replaced, SLURM_FLAGS.added):
        with pytest.raises(DestinationError, match=re.escape(complaint)):
            change(specification, REQUEST_BYTES)


requests = st.integers(1, 2**53)
spaces = st.text(" \t", min_size=1, max_size=3)
quoted = st.builds("'{}'".format, st.text('ab --mem=4G h_vmem=1G"\\', max_size=20)) | st.builds(
    '"{}"'.format, st.text("ab --mem=4G h_vmem=1G'", max_size=20)
)
values = quoted | st.text("abcXYZ019-_.:/,=%@$", min_size=1, max_size=8)
others = st.builds("--{}={}".format, st.sampled_from(["time", "comment", "mem-bind", "memory"]), values)
slurm_flag = st.builds(
    "--{}{}".format, st.sampled_from(["mem", "mem-per-cpu"]), st.sampled_from(["=", " ", '="', " '"])
)
slurm_cpus = st.sampled_from(["-c 4", "-c4", "--cpus-per-task=4", "--cpus-per-task '4'"])
slurm_tasks = st.sampled_from(["-n 3", "--ntasks=3", "--ntasks 3"])
sge_flag = st.sampled_from(["-l h_vmem=", "-l h_rt=1,h_vmem=", "-l 'h_vmem=", '-l "h_rt=1,h_vmem='])


@st.composite
def around(draw: st.DrawFn, flag: st.SearchStrategy[str], *more: st.SearchStrategy[str]) -> tuple[str, str]:
    """Draw what stands before an amount in a specification, and what stands behind it."""
    pieces = [draw(found) for found in more if draw(st.booleans())] + draw(st.lists(others, max_size=4))
    cut = draw(st.integers(0, len(pieces)))
    pieces = draw(st.permutations(pieces))
    opening = draw(flag)
    quote = next((character for character in opening if character in "'\""), "")
    before = "".join(piece + draw(spaces) for piece in pieces[:cut]) + opening
    return before, quote + "".join(draw(spaces) + piece for piece in pieces[cut:])


amounts = st.builds("{}{}".format, st.integers(0, 10**6), st.sampled_from(["", "M", "G", "k"]))


@given(around(slurm_flag, slurm_cpus, slurm_tasks), amounts, requests)
def test_slurm_is_told_the_request_and_less_than_a_mib_of_each_cpu_more_and_all_else_stays(
    places: tuple[str, str], amount: str, request_bytes: int
) -> None:
    before, behind = places
    after = SLURM_FLAGS.replaced(before + amount + behind, request_bytes)
    assert after is not None
    read_bytes = SLURM_FLAGS.read(after)
    assert read_bytes is not None
    assert request_bytes <= read_bytes < request_bytes + 12 * MIB  # at most 4 cpus of each of 3 tasks
    assert re.fullmatch(re.escape(before) + "[0-9]+M?" + re.escape(behind), after)


@given(around(sge_flag, st.just("-pe smp 4")), amounts, requests)
def test_grid_engine_is_told_the_request_and_less_than_a_gib_of_each_slot_more_and_all_else_stays(
    places: tuple[str, str], amount: str, request_bytes: int
) -> None:
    before, behind = places
    after = SGE_FLAGS.replaced(before + amount + behind, request_bytes)
    assert after is not None
    read_bytes = SGE_FLAGS.read(after)
    assert read_bytes is not None
    assert request_bytes <= read_bytes < request_bytes + 4 * GIB
    assert re.fullmatch(re.escape(before) + "[0-9]+G" + re.escape(behind), after)


@given(st.text() | st.text("-lnc =\"'\\memgpurhv_0123456789GMk,", max_size=40), requests)
def test_any_text_at_all_is_read_and_changed_or_refused(text: str, request_bytes: int) -> None:
    for flags in (SLURM_FLAGS, SGE_FLAGS):
        with contextlib.suppress(DestinationError):
            flags.read(text)
            after = flags.replaced(text, request_bytes) or flags.added(text, request_bytes)
            read_bytes = flags.read(after)
            assert read_bytes is not None
            assert read_bytes >= request_bytes
