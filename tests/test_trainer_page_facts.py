"""What an administrator's page tells of one tool."""

from dataclasses import replace

import numpy as np
import pytest
from pages import sample

from galaxy_memory_rules.errors import RecordsError


# no job at all, and three without a flag
@pytest.mark.parametrize("jobs", [0, 3])
def test_a_page_without_jobs_or_with_columns_of_different_length_is_refused(jobs: int) -> None:
    column = np.ones(jobs)
    with pytest.raises(RecordsError, match="bowtie2: a page needs as many"):
        replace(sample(jobs=1), input_bytes=column, peaks_bytes=column, requests_bytes=column, censored=column[:0] > 1)


def test_what_is_in_force_is_compared_with_where_it_is_known() -> None:
    page = sample()
    assert page.in_force_gbh == 5290.0
    assert replace(page, policies=page.policies[:2]).in_force_gbh is None
