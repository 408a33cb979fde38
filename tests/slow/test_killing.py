"""Runs that are killed outright, at any moment, and started again with resume."""

from helpers.killing import disturbed_run
from helpers.project import SCRIPTS

import pytest


@pytest.mark.parametrize("name", SCRIPTS)
def test_killed_runs_end_as_if_nothing_had_happened(name, tmp_path):
    """With a checkpoint several times an epoch; history and weights are those of a run that nobody disturbed."""
    resumed, _ = disturbed_run(name, tmp_path, kills=3, epochs=12, seed=3)
    assert resumed > 0
