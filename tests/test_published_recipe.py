"""The published settings: the scripts' defaults, and the arguments that give the published recipe exactly."""

import shlex

from common.runtime import settings
from helpers.project import PROJECT, SCRIPTS, load_script

import pytest

PUBLISHED = {
    "mocap_file_path": "data/mocap",
    "mocap_pos_scale": 1.0,
    "mocap_loss_weights_file": None,
    "latent_dim": 32,
    "sequence_length": 64,
    "ae_rnn_layer_count": 2,
    "ae_rnn_layer_size": 256,
    "ae_rnn_bidirectional": True,
    "ae_dense_layer_sizes": [512],
    "save_weights": True,
    "load_weights": False,
    "sequence_offset": 2,
    "batch_size": 16,
    "test_percentage": 0.2,
    "ae_learning_rate": 1e-4,
    "ae_norm_loss_scale": 0.1,
    "ae_pos_loss_scale": 0.1,
    "ae_quat_loss_scale": 1.0,
    "ae_kld_loss_scale": 0.0,
    "kld_scale_cycle_duration": 100,
    "kld_scale_min_const_duration": 20,
    "kld_scale_max_const_duration": 20,
    "min_kld_scale": 0.0,
    "max_kld_scale": 0.1,
    "epochs": 600,
    "model_save_interval": 50,
    "save_history": True,
    "view_ele": 90.0,
    "view_azi": -90.0,
    "view_line_width": 1.0,
    "view_size": 4.0,
}
RECIPE = {
    "initial_weights": "noise",
    "schedule": "step",
    "layerwise_rates": False,
    "augment_heading": False,
    "export_hold_feet": False,
    "keep_best": False,
    "stop_after": None,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_published_constant_keeps_its_default(name):
    script = load_script(name)
    assert {constant: getattr(script, constant) for constant in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_arguments_of_the_published_recipe(name):
    """What they set is what the design does not have; the rest are published defaults."""
    text = (PROJECT / "data/configs/published_recipe.txt").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    namespace = vars(load_script(name))
    before = settings.constants_of(namespace, name)
    config = settings.configure(namespace, str(PROJECT / f"{name}.py"), "", shlex.split(text))
    assert {constant: value for constant, value in config.items() if before[constant] != value} == RECIPE
    assert all(namespace[constant] == value for constant, value in RECIPE.items())
