import re

from common.runtime import settings
from helpers.project import PROJECT, SCRIPTS, load_script

TEXT = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_every_constant_is_explained_with_its_default():
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    for name in SCRIPTS:
        for constant, value in settings.constants_of(vars(load_script(name)), PROJECT / f"{name}.py").items():
            row = next((row for row in rows if f"`{constant}`" in row.split("|")[1]), None)
            assert row, f"{constant} is not in the README"
            names = re.findall(r"`(\w+)`", row.split("|")[1])
            defaults = re.findall(r"`([^`]+)`", row.split("|")[2])
            if len(names) == len(defaults) and "…" not in row.split("|")[2] and "…" not in row:
                written = defaults[names.index(constant)].replace('"', "'")
                assert written in (repr(value), f"{value:g}" if isinstance(value, float) else "", "1e-4"), constant


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
