"""Sums of entries are the same whether they are sorted or summed in a table of their own."""

import numpy as np
import pytest

from monitors import adding

_STRATA, _CELLS = 2, 3  # 1,536 places


@pytest.mark.parametrize("entries", [1, 100, 500, 1_536, 20_000])
@pytest.mark.parametrize("largest", [0, 1_000, 1 << 21])
@pytest.mark.parametrize("alike", [False, True])
def test_every_way_of_adding_gives_the_same_sums(
    entries: int, largest: int, alike: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "_DENSE", largest)
    rng = np.random.default_rng(entries)
    key = rng.integers(_STRATA * 256 * _CELLS, size=entries)
    value = rng.integers(-(1 << 40), 1 << 40, size=entries)
    value[key % 5 == 0] = 0
    if alike:
        value[:] = 1 << 20
    expected: dict[int, int] = {}
    for k, v in zip(key.tolist(), value.tolist(), strict=True):
        expected[k] = expected.get(k, 0) + v
    made = adding.added(key, value, _STRATA, _CELLS)
    found = (made.stratum.astype(int) * 256 + made.group) * _CELLS + made.cell
    assert dict(zip(found.tolist(), made.value.tolist(), strict=True)) == {k: v for k, v in expected.items() if v}
    assert (np.diff(found) > 0).all()
