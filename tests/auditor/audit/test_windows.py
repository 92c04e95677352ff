"""A window over a whole column says what it says of each day."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from auditor.audit.tallying import rows_within, within
from monitors.measurement import Window

DAYS = [None, *(date(2026, 3, 1) + timedelta(days=n) for n in range(5))]


@pytest.mark.parametrize("start", DAYS)
@pytest.mark.parametrize("end", DAYS)
def test_the_mask_of_a_column_is_that_of_its_days(start: date | None, end: date | None) -> None:
    window = Window(start, end)
    column = pa.chunked_array([pa.array(DAYS[:2], pa.date32()), pa.array(DAYS[2:], pa.date32())])
    assert rows_within(column, window).to_pylist() == [within(day, window) for day in DAYS]
