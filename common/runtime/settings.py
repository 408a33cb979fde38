"""The constants of a script: `--name=value` overrides, their checks, and `config.json`.

A script's constants are its lower-case names with plain values. Paths in the script are relative to the
script's folder, paths given on the command line to the folder the user is in.
"""

import ast
import difflib
import re
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.runtime import console, files
from common.runtime.errors import InputError

PLAIN = (bool, int, float, str, list, tuple, type(None))  # values that a constant may have
LARGEST = 2**60  # of any number
SHOWN = 200  # characters of a wrong value that a message repeats


@dataclass(frozen=True)
class Rule:
    """What a constant may be: a check and its description, completing "expected …"."""

    fits: Callable[[Any], bool]
    expected: str
    is_text: bool = False


FREE, FIXED, SILENT = "may change", "stays", "may change, and nobody need know"  # when a run goes on


@dataclass(frozen=True)
class Setting:
    """A constant: its Rule, whether it may change when a run goes on, and what the page calls it, if it shows it."""

    rule: Rule
    on_resume: str = FREE
    caption: str = ""


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _whole(minimum):
    return Rule(lambda v: _is_whole(v) and v >= minimum, f"a whole number of at least {minimum}")


def _is_pair(value, item):
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(item(v) for v in value)


def _is_list(value, item):
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(item(v) for v in value)


def _is_text(value):
    return isinstance(value, str) and value != "" and "\0" not in value  # which no name of a file can hold


def _is_recording(value):
    return isinstance(value, (list, tuple)) and len(value) == 2 and _is_text(value[0]) and value[1] in (1, 2)


def _or_none(rule):
    return Rule(lambda v: v is None or rule.fits(v), f"None or {rule.expected}", rule.is_text)


NUMBER = Rule(_is_number, "a number")
NOT_NEGATIVE = Rule(lambda v: _is_number(v) and v >= 0, "a number of at least 0")
POSITIVE = Rule(lambda v: _is_number(v) and v > 0, "a number above 0")
SHARE = Rule(lambda v: _is_number(v) and 0 <= v < 1, "a share from 0 to below 1, as 0.2")
SWITCH = Rule(lambda v: isinstance(v, bool), "True or False")
TEXT = Rule(_is_text, "a text, not empty", is_text=True)
FILE_PAIRS = Rule(
    lambda v: _is_list(v, lambda pair: _is_pair(pair, _is_text)),
    'for each take a pair of file names, as [["dancer1.bvh", "dancer2.bvh"]]',
)
FRAME_RANGES = Rule(
    lambda v: _is_list(v, lambda ranges: _is_list(ranges, lambda frames: _is_pair(frames, _is_whole))),
    "for each pair of files a list of [start, end] frame ranges, as [[[0, -1]]]",
)
SIZES = Rule(
    lambda v: _is_list(v, lambda size: _is_whole(size) and size > 0),
    "a list of whole numbers above 0, as [512]",
)
FORMATS = Rule(lambda v: _is_list(v, ("fbx", "bvh").__contains__), '["bvh"], ["fbx"] or ["fbx", "bvh"]')
AXIS = Rule(
    ("X", "Y", "Z", "-X", "-Y", "-Z").__contains__, '"X", "Y" or "Z", or as "-Y" where it points down', is_text=True
)
RECORDINGS = Rule(
    lambda v: isinstance(v, list | tuple) and all(_is_text(f) or _is_recording(f) for f in v),
    'a list of file names, as ["solo.bvh"], or of [file name, dancer], as [["solo.bvh", 1]]',
)
RATE = Rule(lambda v: _is_number(v) and 1 <= v <= 10_000, "a number from 1 to 10000")
SCALE = Rule(
    lambda v: POSITIVE.fits(v) or _is_pair(v, POSITIVE.fits), "a number above 0, or one for each dancer, as [1.0, 2.54]"
)
OFFSETS = Rule(
    lambda v: _is_list(v, lambda frames: frames is None or _is_whole(frames)),
    "for each pair of files a whole number of frames, or None, as [0]",
)

# every constant of the scripts: what it may be, whether it may change when a run goes on, and what the page calls it
TABLE = {
    "mocap_file_path": Setting(TEXT),
    "mocap_files": Setting(FILE_PAIRS, FIXED),
    "mocap_valid_frame_ranges": Setting(FRAME_RANGES, FIXED, caption="frame ranges"),
    "mocap_pos_scale": Setting(SCALE, FIXED),
    "mocap_fps": Setting(_or_none(RATE), FIXED),
    "mocap_resample_fps": Setting(_or_none(RATE), FIXED),
    "mocap_frame_offsets": Setting(_or_none(OFFSETS), FIXED),
    "mocap_up_axis": Setting(_or_none(AXIS)),
    "mocap_take": Setting(_or_none(TEXT), FIXED),
    "fbx_backend": Setting(Rule(("builtin", "sdk").__contains__, '"builtin" or "sdk"', is_text=True)),
    "mocap_loss_weights_file": Setting(_or_none(TEXT), FIXED),
    "latent_dim": Setting(_whole(1), FIXED, caption="numbers of a latent code"),
    "sequence_length": Setting(_whole(1), FIXED, caption="frames of a window"),
    "ae_rnn_layer_count": Setting(_whole(1), FIXED, caption="LSTM layers"),
    "ae_rnn_layer_size": Setting(_whole(1), FIXED, caption="LSTM size"),
    "ae_rnn_bidirectional": Setting(SWITCH, FIXED),
    "ae_dense_layer_sizes": Setting(SIZES, FIXED, caption="dense layers"),
    "save_weights": Setting(SWITCH),
    "load_weights": Setting(SWITCH),
    "encoder_weights_file": Setting(TEXT),
    "decoder_weights_file": Setting(TEXT),
    "decoder1_weights_file": Setting(TEXT),
    "decoder2_weights_file": Setting(TEXT),
    "sequence_offset": Setting(_whole(1), FIXED, caption="frames from one window to the next"),
    "batch_size": Setting(_whole(1), FIXED, caption="windows of a step"),
    "test_percentage": Setting(SHARE, FIXED, caption="held-out share"),
    "initial_weights": Setting(
        Rule(("regression", "noise").__contains__, '"regression" or "noise"', is_text=True),
        SILENT,
        caption="initial weights",
    ),
    "schedule": Setting(
        Rule(("inverse", "step").__contains__, '"inverse" or "step"', is_text=True),
        FIXED,
        caption="learning rate falls",
    ),
    "layerwise_rates": Setting(SWITCH, FIXED, caption="layer-wise learning rates"),
    "augment_heading": Setting(SWITCH, caption="turned windows"),
    "augment_mirror": Setting(SWITCH, caption="mirrored windows"),
    "ae_learning_rate": Setting(POSITIVE, caption="learning rate"),
    "ae_norm_loss_scale": Setting(NOT_NEGATIVE),
    "ae_pos_loss_scale": Setting(NOT_NEGATIVE),
    "ae_quat_loss_scale": Setting(NOT_NEGATIVE),
    "ae_kld_loss_scale": Setting(NOT_NEGATIVE),
    "kld_scale_cycle_duration": Setting(_whole(1)),
    "kld_scale_min_const_duration": Setting(_whole(0)),
    "kld_scale_max_const_duration": Setting(_whole(0)),
    "min_kld_scale": Setting(NOT_NEGATIVE),
    "max_kld_scale": Setting(NOT_NEGATIVE),
    "epochs": Setting(_whole(0)),
    "keep_best": Setting(SWITCH),
    "stop_after": Setting(_or_none(_whole(1))),
    "model_save_interval": Setting(_whole(1)),
    "save_history": Setting(SWITCH),
    "random_seed": Setting(_whole(0), FIXED, caption="random seed"),
    "device": Setting(
        Rule(
            lambda v: _is_text(v) and re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", v),
            '"auto", "cpu", "cuda" or "mps"',
            is_text=True,
        )
    ),
    "precision": Setting(Rule(lambda v: v in ("float32", "bfloat16"), '"float32" or "bfloat16"', is_text=True)),
    "checkpoint_minutes": Setting(POSITIVE),
    "resume": Setting(SWITCH, SILENT),
    "results_path": Setting(TEXT, SILENT),
    "apply_files": Setting(RECORDINGS, SILENT),
    "export_onnx": Setting(SWITCH),
    "export_formats": Setting(_or_none(FORMATS)),
    "export_root_motion": Setting(SWITCH),
    "export_hold_feet": Setting(SWITCH),
    "export_seq_index": Setting(_whole(0)),
    "export_seq_start": Setting(_whole(0)),
    "export_seq_length": Setting(_whole(1)),
    "export_mix_seq_start": Setting(_whole(0)),
    "export_sample_latent": Setting(SWITCH),
    "export_walk_step": Setting(NOT_NEGATIVE),
    "export_offset_amplitude": Setting(NUMBER),
    "export_offset_seconds": Setting(POSITIVE),
    "report_model": Setting(SWITCH),
    "show_history": Setting(SWITCH),
    "open_report": Setting(SWITCH),
    "view_ele": Setting(NUMBER),
    "view_azi": Setting(NUMBER),
    "view_line_width": Setting(POSITIVE),
    "view_size": Setting(Rule(lambda v: _is_number(v) and 0.5 <= v <= 10, "inches from 0.5 to 10")),
}
OF_ONE_SCRIPT = {
    *("decoder_weights_file", "decoder1_weights_file", "decoder2_weights_file", "export_mix_seq_start"),
    *("export_walk_step", "export_offset_amplitude", "export_offset_seconds"),
}
PATHS = [name for name in TABLE if name.endswith(("_path", "_weights_file"))]


def constants_of(namespace, script_path):
    """The constants among a script's globals(), in their order. Raises InputError for one that is misspelt or gone."""
    functions = [value.__code__ for value in namespace.values() if isinstance(value, types.FunctionType)]
    used = {name for code in functions for name in code.co_names}
    missing = [name for name in TABLE if name not in namespace and (name in used or name not in OF_ONE_SCRIPT)]
    for name, value in namespace.items():
        if name.islower() and not name.startswith("_") and isinstance(value, PLAIN) and name not in TABLE:
            nearest = difflib.get_close_matches(name, missing or TABLE, n=1, cutoff=0.0)[0]
            raise InputError(f"{Path(script_path).name}: there is no constant {name!r}; is it a misspelt {nearest!r}?")
    if missing:
        raise InputError(f"{Path(script_path).name} has no constant {missing[0]} any more; add the line again.")
    return {name: namespace[name] for name in namespace if name in TABLE}


def configure(namespace, script_path, description, arguments=None):
    """Apply `--name=value` arguments, those of the command line if not given, to the constants in a script's globals()
    and check them all.

    Sets them in the namespace, prints them and returns them as a dict; `--help` prints the description and ends the
    script. Raises InputError naming the constant, what was found and what was expected.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    constants = constants_of(namespace, script_path)
    if any(argument in ("-h", "--help") for argument in arguments):
        print(description, "\nConstants, each to be set as --name=value:", sep="\n")
        _print_settings(constants)
        raise SystemExit(0)
    overrides = dict(_parse_override(argument, constants) for argument in arguments)
    for name, value in (constants | overrides).items():
        check(name, value)
    if overrides:
        console.line("--- settings from the command line; all of them are in config.json of the results folder")
        _print_settings(overrides)
        console.line("")
    script_folder = Path(script_path).resolve().parent
    for name in overrides.keys() & set(PATHS):
        if overrides[name] is not None and Path.cwd() != script_folder:
            overrides[name] = str(Path.cwd() / Path(overrides[name]).expanduser())
    namespace.update(overrides)
    return constants | overrides


def check(name, value):
    """Raise InputError if a constant's value is not of the kind it has to be."""
    rule = TABLE[name].rule
    if not rule.fits(value):
        raise InputError(f"{name} = {_shown(value)}: expected {rule.expected}.")


def _shown(value):
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of too many digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def save_config(config, script_path, path):
    """Write the effective settings, and which script they are for, as JSON."""
    files.write_json(path, {"script": Path(script_path).name, **config})


def _parse_override(argument, constants):
    name, equals, text = argument.removeprefix("--").partition("=")
    if not argument.startswith("--") or not equals:
        raise InputError(
            f"cannot read the argument {_shown(argument)}: settings are given as --name=value, without blanks "
            f"around '='; put quotes around the whole if the value holds blanks or brackets."
        )
    if name not in constants:
        nearest = difflib.get_close_matches(name, constants, n=1, cutoff=0.0)[0]
        raise InputError(f"there is no setting named {_shown(name)}; the nearest is {nearest!r}. --help lists all.")
    return name, _parse_value(text, TABLE[name].rule.is_text)


def _parse_value(text, is_text):
    """A literal, or for text the characters as they are. What is no literal stays text; the check tells."""
    if is_text and text != "None" and text[:1] not in ("'", '"'):
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as that "1if" is no good style
            return ast.literal_eval(files.as_utf8(text))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _print_settings(config):
    width = max(len(name) for name in config)
    for name, value in config.items():
        console.line(f"{name:{width}} = {value!r}")
