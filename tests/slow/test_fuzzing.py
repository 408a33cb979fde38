"""Damaged motion files: each ends in a take or in one message, in time and memory."""

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("Windows cannot limit a process's memory", allow_module_level=True)

from helpers import fuzzing


def test_damaged_files_end_in_a_take_or_a_message():
    results = fuzzing.run_cases(0, 500, seed=7)
    assert len(results) == 500
    assert not [result for result in results if result[3].startswith("FAILED")]
    assert len({result[3].split(":")[0] for result in results}) > 1  # some are read, some are refused
