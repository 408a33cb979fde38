"""The two scripts stay short enough to read in one sitting, and the training step stands in them."""

import ast
import difflib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ["vae_rnn.py", "vae_rnn_deepfake.py"]


def function_lines(tree, name):
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return function.end_lineno - function.lineno + 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_functions_and_imports_stay_few_and_short(script):
    tree = ast.parse((ROOT / script).read_text())
    assert function_lines(tree, "main") <= 40
    assert function_lines(tree, "train") <= 45
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "common"
        for alias in node.names
    }
    assert 0 < len(names) <= 10, sorted(names)


@pytest.mark.parametrize(("script", "limit"), list(zip(SCRIPTS, (165, 170), strict=True)))
def test_a_script_is_short_besides_its_constants(script, limit):
    lines = (ROOT / script).read_text(encoding="utf-8").splitlines()
    first, last = (number for number, line in enumerate(lines) if line.startswith("# -----"))
    assert len(lines) - (last - first + 1) <= limit


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_training_step_stands_in_the_script(script):
    tree = ast.parse((ROOT / script).read_text())
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")}
    assert {"backward", "step", "zero_grad"} <= called


def test_the_difference_of_both_scripts_reads_as_an_explanation():
    first, second = ((ROOT / script).read_text().splitlines() for script in SCRIPTS)
    changed = [line for line in difflib.ndiff(first, second) if line[:2] in ("- ", "+ ")]
    assert len(changed) <= 130
