import ast
import json
import re
import sys
import time

from common.runtime import settings
from common.runtime.errors import InputError
from helpers.project import PROJECT, SCRIPTS, load_script

import pytest


def constants_in(name):
    return settings.constants_of(vars(load_script(name)), PROJECT / f"{name}.py")


CONSTANTS = constants_in("vae_rnn") | {"epochs": 3, "mocap_loss_weights_file": "x.json"}


def configure(*arguments):
    """As a script in the folder common/ that has these constants."""
    namespace = CONSTANTS | {"main": print, "torch": ast}
    return settings.configure(namespace, PROJECT / "common/__init__.py", "what it does", arguments)


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
        ("--save_history=1", "save_history = 1: expected True or False"),
        ("--mocap_files=['a.bvh','b.bvh']", "mocap_files = .* a pair of file names"),
        ("--mocap_files=" + "[" * 5000, "mocap_files = .*: expected"),
        ("--epochs=0x" + "f" * 5000, "epochs = a number of too many digits: expected"),
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
    assert re.search(r"^epochs += 20$", printed, re.MULTILINE)
    assert "mocap_fps" not in printed
    configure()
    assert capsys.readouterr().out == ""


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
    surrogates = "d\udcc3\udca4nçe.bvh"  # what Python makes of "dä" in UTF-8 where the system says ASCII
    assert configure(f"--mocap_files=[['{surrogates}', 'b']]")["mocap_files"] == [[surrogates, "b"]]


def test_config_holds_paths_from_a_console_of_another_encoding(tmp_path):
    config = CONSTANTS | {"results_path": "d\udcc3\udca4nçe"}
    settings.save_config(config, "vae_rnn.py", tmp_path / "config.json")
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    assert "nçe" in text
    assert json.loads(text)["results_path"] == config["results_path"]


MISSPELT, DELETED = (
    r"edited\.py: there is no constant '{}'; is it a misspelt '{}'\?",
    "edited.py has no constant {} any",
)


@pytest.mark.parametrize(
    ("script", "line", "edited", "message"),
    [
        ("vae_rnn", "batch_size = 16", "batchsize = 16", MISSPELT.format("batchsize", "batch_size")),
        ("vae_rnn", "decoder_weights_file", "decoder_weight_file", MISSPELT.format("decoder_weight_file", ".*")),
        ("vae_rnn", "view_azi = -90.0  # degrees; -90 looks at the front", "", DELETED.format("view_azi")),
        ("vae_rnn", "export_walk_step = 1.0", "", DELETED.format("export_walk_step")),
        ("vae_rnn_deepfake", "export_sample_latent = False", "", DELETED.format("export_sample_latent")),
        ("vae_rnn", "epochs = 600", "epochs = 600\nlearning_rte = 1", "'learning_rte'; is it a misspelt '.*learn"),
    ],
)
def test_a_constant_that_was_misspelt_or_deleted_is_named(script, line, edited, message, tmp_path):
    source = (PROJECT / f"{script}.py").read_text(encoding="utf-8")
    assert f"\n{line}" in source
    namespace = {"__name__": "edited"}
    exec(compile(source.replace(f"\n{line}", f"\n{edited}"), "edited.py", "exec"), namespace)
    with pytest.raises(InputError, match=message):
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
    nodes = ast.walk(ast.parse(source))
    read_here = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for constant, value in constants.items():
        settings.check(constant, value)
    unread = set(constants) - read_here - read_in_common()
    assert unread <= {"ae_kld_loss_scale"}  # which published settings list


def read_in_common():
    """The settings that common/ takes out of the config of a run."""
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "common").rglob("*.py")]
    return {
        name
        for source in sources
        for name in re.findall(r'"(view_\w+)"|(?:config|settings)\["(\w+)"\]', source)
        for name in name
    }


def test_every_rule_belongs_to_a_constant():
    constants = {key for name in SCRIPTS for key in constants_in(name)}
    assert set(settings.TABLE) == constants


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_runs_at_import(name, capsys):
    before = set(sys.modules)
    load_script(name)
    assert capsys.readouterr().out == ""
    assert "matplotlib.pyplot" not in set(sys.modules) - before
