"""Tests over many cases, of which some are enough for the quick tests."""

import pytest


def quick(cases, *picked):
    """The parameters of a test: the picked cases, and all others as slow tests. A case is a value, or a tuple."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=[] if case in picked else [pytest.mark.slow]
        )
        for case in cases
    ]
