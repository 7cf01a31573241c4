"""Active units by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vaebench.errors import DataError
from vaebench.metrics import active_mask, active_units


def test_by_hand():
    signs = np.tile([1.0, -1.0], 50)
    means = np.column_stack([signs, 0.11 * signs, 0.09 * signs, np.full(100, 7.0), 0.2 * signs])
    # Variances 1, 0.0121, 0.0081, 0 and 0.04 against 0.01.
    assert active_mask(means).tolist() == [True, True, False, False, True]
    assert active_units(means) == 3
    assert active_units(means, threshold=0.02) == 2
    assert active_units(means, threshold=0) == 4
    assert active_units(np.full((10, 3), 0.1), threshold=0.01) == 0


def test_bad_input():
    with pytest.raises(DataError, match="at least 2"):
        active_units(np.ones((1, 3)))
    with pytest.raises(DataError, match="threshold is -1"):
        active_units(np.ones((5, 3)), threshold=-1)
