import ast
import re

from common.runtime import settings
from helpers.project import PROJECT, SCRIPTS, load_script

TEXT = (PROJECT / "README.md").read_text(encoding="utf-8")


def default_rows():
    """The defaults that the table of constants names: {constant: value}."""
    table = TEXT.split("| constant | default | meaning |\n")[1].split("\n\n")[0].splitlines()[1:]
    named = {}
    for row in table:
        names, defaults = (re.findall(r"`([^`]+)`", cell) for cell in row.split(" | ")[:2])
        for name, default in zip(names, defaults, strict=True):
            assert name not in named, f"{name} has two rows"
            named[name] = ast.literal_eval(default)
    return named


def test_every_constant_is_explained_with_its_default():
    scripts = [settings.constants_of(vars(load_script(name)), PROJECT / f"{name}.py") for name in SCRIPTS]
    rows = default_rows()
    for constants in scripts:
        assert {name: rows.get(name, "no row") for name in constants} == constants
    assert rows.keys() == scripts[0].keys() | scripts[1].keys()


def test_links_and_files_are_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (PROJECT / target).is_file(), target
    for file in (
        "vae_rnn.sh",
        "vae_rnn.bat",
        "vae_rnn_deepfake.bat",
        "tests/run.sh",
        "data/mocap/make_example_duet.py",
    ):
        assert file in TEXT
        assert (PROJECT / file).is_file()
