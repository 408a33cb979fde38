import ast
import json
import re
import sys
import time

from common.runtime import settings
from common.runtime.errors import InputError
from helpers.project import PROJECT, SCRIPTS, load_script

import pytest

CONSTANTS = {
    "epochs": 3,
    "mocap_fps": None,
    "mocap_files": [["a", "b"]],
    "results_path": "results",
    "save_history": True,
}
CONSTANTS |= {"ae_learning_rate": 1e-4, "mocap_loss_weights_file": "x.json", "device": "auto"}


def configure(*arguments):
    """As a script in the folder common/ that has these constants."""
    namespace = CONSTANTS | {"main": print, "torch": ast}
    return settings.configure(namespace, arguments, PROJECT / "common/__init__.py", "what it does")


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--epochs=20", "epochs", 20),
        ("--mocap_fps=59.94", "mocap_fps", 59.94),
        ("--mocap_fps=None", "mocap_fps", None),
        ("--ae_learning_rate=1", "ae_learning_rate", 1),
        ("--save_history=False", "save_history", False),
        ("--save_history=true", "save_history", True),
        ('--mocap_files=[["a b.bvh", "c=d.bvh"]]', "mocap_files", [["a b.bvh", "c=d.bvh"]]),
        ("--mocap_files=[['a','b'],('c','d')]", "mocap_files", [["a", "b"], ("c", "d")]),
        ("--mocap_loss_weights_file=None", "mocap_loss_weights_file", None),
        ("--device='cpu'", "device", "cpu"),
    ],
)
def test_overrides(argument, name, value, monkeypatch):
    monkeypatch.chdir(PROJECT / "common")
    assert configure(argument) == CONSTANTS | {name: value}


def test_text_is_taken_as_it_is(monkeypatch):
    monkeypatch.chdir(PROJECT / "common")
    for text in ("a=b", "2024", "my runs/ü", "C:\\runs\\new", "[1]"):
        assert configure(f"--results_path={text}")["results_path"] == text


def test_paths_on_the_command_line_are_relative_to_where_the_user_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert configure("--results_path=mine")["results_path"] == str(tmp_path / "mine")
    assert configure()["results_path"] == "results"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--epoch=3", "no setting named 'epoch'; the nearest is 'epochs'"),
        ("--learning_rate=3", "nearest is 'ae_learning_rate'"),
        ("--main=3", "no setting named 'main'"),
        ("--epochs", "--name=value"),
        ("epochs=3", "--name=value"),
        ("--epochs=many", "epochs = 'many': expected a whole number of at least 0"),
        ("--epochs=-1", "epochs = -1: expected"),
        ("--epochs=True", "epochs = True: expected"),
        ("--epochs=3.5", "epochs = 3.5: expected"),
        ("--epochs=__import__('os').getcwd()", "epochs = .*: expected"),
        ("--ae_learning_rate=nan", "ae_learning_rate = 'nan': expected"),
        ("--ae_learning_rate=1e999", "ae_learning_rate = inf: expected"),
        ("--save_history=1", "save_history = 1: expected True or False"),
        ("--mocap_files=['a.bvh','b.bvh']", "mocap_files = .* a pair of file names"),
        ("--mocap_files=[['a']]", "mocap_files = .* a pair of file names"),
        ("--mocap_files=" + "[" * 5000, "mocap_files = .*: expected"),
        ("--mocap_files=" + "9" * 200_000, "longer than"),
        ("--mocap_files=" + "-" * 99_000 + "1", "mocap_files = .{200,210}: expected"),
        ("--epochs=10**10**10", "epochs = .*: expected"),
        ("--epochs=" + "9" * 5000, "epochs = '9{100,}...: expected"),
        ("--epochs=0x" + "f" * 5000, "epochs = a number of too many digits: expected"),
        ("--epochs={[]: 1}", "epochs = .*: expected"),
        ("--epochs=1if", "epochs = '1if': expected"),
        (r"--epochs='\0'", "epochs = .*: expected"),
        (r"--results_path='a\0'", r"results_path = 'a\\x00': expected"),
        ("--" + "x" * 1_000_000 + "=3", "no setting named 'x{199}...; the nearest"),
        ("x" * 1_000_000, "cannot read the argument 'x{199}...: settings"),
        ("--results_path=", "results_path = '': expected a text"),
        ("--device=gpu", 'device = .*expected "auto"'),
    ],
)
def test_bad_overrides_are_refused(argument, message, recwarn):
    start = time.perf_counter()
    with pytest.raises(InputError, match=message) as error:
        configure(argument)
    assert len(str(error.value)) < 500
    assert time.perf_counter() - start < 1
    assert not recwarn


def test_settings_are_printed_with_what_was_changed(capsys):
    configure("--epochs=20")
    printed = capsys.readouterr().out
    assert re.search(r"epochs +  ?= 20  <- command line", printed)
    assert re.search(r"mocap_fps += None\n", printed)


def test_help_prints_what_the_script_does_and_its_constants(capsys):
    with pytest.raises(SystemExit) as stop:
        configure("--help")
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "what it does" in printed
    assert "results_path" in printed


def test_config_is_json_with_the_script(tmp_path):
    settings.save_config(CONSTANTS, "/somewhere/vae_rnn.py", tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == {"script": "vae_rnn.py", **CONSTANTS}


def test_names_from_a_console_of_another_encoding_are_taken():
    given = "d\udcc3\udca4nçe.bvh"  # what Python makes of "dä" in UTF-8 where the system says ASCII
    assert configure(f"--mocap_files=[['{given}', 'b']]")["mocap_files"] == [[given, "b"]]


def test_config_holds_paths_from_a_console_of_another_encoding(tmp_path):
    config = CONSTANTS | {"results_path": "d\udcc3\udca4nçe"}
    settings.save_config(config, "vae_rnn.py", tmp_path / "config.json")
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    assert "nçe" in text
    assert json.loads(text)["results_path"] == config["results_path"]


def constants_in(name):
    return settings.constants_of(vars(load_script(name)), PROJECT / f"{name}.py")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("batchsize = 16", "batch_size = 16"), ("", "view_azi = -90.0  # degrees; -90 looks at the front")],
)
def test_a_constant_that_was_misspelt_or_deleted_is_named(tmp_path, wrong, right):
    source = (PROJECT / "vae_rnn.py").read_text(encoding="utf-8")
    assert right in source
    (tmp_path / "edited.py").write_text(source.replace(right, wrong), encoding="utf-8")
    namespace = {"__name__": "edited"}
    exec(compile((tmp_path / "edited.py").read_text(encoding="utf-8"), "edited.py", "exec"), namespace)
    with pytest.raises(InputError, match=f"no constant {right.split()[0]} any more.*{wrong.split(' ')[0]}"):
        settings.constants_of(namespace, tmp_path / "edited.py")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mocap_loss_weights_file", {"Hips": 2.0}),
        ("mocap_file_path", PROJECT),
        ("random_seed", 10**30),
        ("ae_learning_rate", 10**400),
        ("device", "auto:1"),
        ("mocap_fps", 1e-9),
        ("view_size", 20),
    ],
)
def test_values_that_a_script_may_hold_but_cannot_use_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name} = .*expected"):
        settings.check(name, value)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_constant_has_a_rule_and_is_read(name):
    source = (PROJECT / f"{name}.py").read_text(encoding="utf-8")
    module = vars(load_script(name))
    constants = settings.constants_of(module, PROJECT / f"{name}.py")
    plain = {key for key, value in module.items() if isinstance(value, (int, float, str, list, type(None)))}
    assert {key for key in plain if not key.startswith("_")} == set(constants)
    reads = [node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    for constant, value in constants.items():
        settings.check(constant, value)
        assert reads.count(constant) > 1, f"{constant} is never read"  # once is where it is set


def test_every_rule_belongs_to_a_constant():
    constants = {key for name in SCRIPTS for key in constants_in(name)}
    assert set(settings.RULES) == constants


@pytest.mark.parametrize("name", SCRIPTS)
def test_published_names_and_defaults(name):
    constants = constants_in(name)
    published = {
        "mocap_file_path": "data/mocap", "mocap_pos_scale": 1.0, "mocap_fps": None, "mocap_loss_weights_file": None,
        "latent_dim": 32 if name == "vae_rnn" else 64, "sequence_length": 64,
        "ae_rnn_layer_count": 2, "ae_rnn_layer_size": 256, "ae_rnn_bidirectional": True,
        "ae_dense_layer_sizes": [512], "save_weights": True, "load_weights": False,
        "sequence_offset": 2, "batch_size": 16, "test_percentage": 0.2,
        "ae_learning_rate": 1e-5 if name == "vae_rnn" else 1e-4,
        "ae_norm_loss_scale": 0.1, "ae_pos_loss_scale": 0.1, "ae_quat_loss_scale": 30.0,
        "kld_scale_cycle_duration": 100, "kld_scale_min_const_duration": 20, "kld_scale_max_const_duration": 20,
        "min_kld_scale": 0.0, "max_kld_scale": 0.1, "epochs": 600, "model_save_interval": 50, "save_history": True,
        "view_ele": 90.0, "view_azi": -90.0, "view_line_width": 1.0, "view_size": 4.0, "export_seq_index": 0,
        "export_seq_start": 1000, "export_seq_length": 1000, "export_formats": None, "results_path": "results",
        "device": "auto", "show_history": True,
    }  # fmt: skip
    assert {key: constants[key] for key in published} == published


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_runs_at_import(name, capsys):
    before = set(sys.modules)
    load_script(name)
    assert capsys.readouterr().out == ""
    assert "matplotlib.pyplot" not in set(sys.modules) - before
