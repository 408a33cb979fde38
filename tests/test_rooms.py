"""The rooms of common/, and the packages around them: what imports what."""

import ast
import subprocess
import sys

from common.launch import REQUIREMENTS, read_requirements
from common.runtime.errors import PACKAGES
from helpers.project import PROJECT

import pytest

ROOMS = ("runtime", "motion", "mocap", "dataset", "model", "training", "evaluation", "results", "report")
OPTIONAL = {"fbx", "onnx"}  # asked for where a setting needs them
LATE = ("scipy", "imageio", "matplotlib", *OPTIONAL)


def imported(path):
    """(module, whether relative) of every import in a file, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            if node.module == "common":
                modules = [f"common.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            yield module, isinstance(node, ast.ImportFrom) and node.level > 0


def imports():
    """(file, room of the file, imported module, whether relative) of every import in the rooms."""
    for path in sorted((PROJECT / "common").rglob("*.py")):
        place = path.relative_to(PROJECT / "common")
        if len(place.parts) > 1:
            for module, relative in imported(path):
                yield place, place.parts[0], module, relative


def test_there_are_the_nine_rooms_and_each_says_what_it_is_for():
    folders = {path.parent.name for path in (PROJECT / "common").glob("*/__init__.py")}
    assert folders == set(ROOMS)
    for room in ROOMS:
        assert ast.get_docstring(ast.parse((PROJECT / "common" / room / "__init__.py").read_text(encoding="utf-8")))


def test_a_room_imports_only_from_rooms_above_it():
    wrong = []
    for place, room, module, relative in imports():
        if relative:
            wrong.append(f"{place}: a relative import")
        if module.split(".")[0] == "common":
            source = module.split(".")[1]
            if ROOMS.index(source) > ROOMS.index(room):
                wrong.append(f"{place} imports {module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_reaches_for_what_a_room_keeps_to_itself(room):
    """Names that begin with an underscore stay in their file."""
    for path in (PROJECT / "common" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("common"):
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], path


def test_what_is_imported_is_required_all_of_it_and_no_more():
    files = [*PROJECT.glob("*.py"), *(PROJECT / "common").rglob("*.py")]
    modules = {module.split(".")[0] for path in files for module, relative in imported(path) if not relative}
    packages = {{"PIL": "pillow"}.get(name, name) for name in modules - {"common", *sys.stdlib_module_names}}
    assert packages - OPTIONAL == set(read_requirements(REQUIREMENTS)) == set(PACKAGES)


def test_what_takes_long_to_import_is_imported_where_it_is_used():
    code = f"import sys; import vae_rnn, vae_rnn_deepfake; sys.exit(any(name in sys.modules for name in {LATE!r}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_a_training_step_imports_neither_sympy_nor_the_compiler_of_torch():
    """Some functions of torch do, which takes two seconds and 75 MB; nothing here needs them."""
    code = (
        "import sys, torch; from common import training; from common.motion import kinematics\n"
        "net = torch.nn.Linear(4, 4); optimiser = training.make_optimiser({'net': net}, 1e-4, 'step')\n"
        "kinematics.joint_positions(net(torch.ones(9, 2, 4)), torch.ones(2, 3), [-1, 0]).sum().backward()\n"
        "optimiser.step(); optimiser.zero_grad(); optimiser.load_state(optimiser.state())\n"
        "sys.exit('sympy' in sys.modules or 'torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
