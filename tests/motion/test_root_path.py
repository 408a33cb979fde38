"""Clips move along a recorded path or stand in place, whatever file they come from and go to."""

import dataclasses

from common.dataset import Duet
from common.mocap import cut, load_mocap, rescale, save_mocap
from common.motion import kinematics, root_path
from common.results.clips import IN_PLACE, export_clips
from common.training import seed_everything
from helpers import plain_bvh
from helpers.project import BODY, SCRIPTS, load_script, positions, run_here, write_body
from helpers.resting_root import RESTING, turned, with_turned_root
from helpers.sweeps import quick

import numpy as np
import pytest
import torch

VIEW = (90.0, -90.0, 1.0, 0.5)
SMALL = {"sequence_length": 8, "ae_rnn_layer_size": 6, "ae_dense_layer_sizes": [10], "latent_dim": 4}
SMALL |= {"export_hold_feet": False}


def duet_of(folder, up, ending, resting, sizes=(1.0, 0.6)):
    """Two takes of different sizes, written to and read from files."""
    takes = []
    for name, size in zip(("one", "two"), sizes, strict=True):
        write_body(folder / "body.bvh", phase=size, body=RESTING if resting else BODY)
        take = load_mocap(folder / "body.bvh")
        take = rescale(with_turned_root(take) if resting else take, size)
        save_mocap(dataclasses.replace(turned(take, up), unit_cm=1.0), folder / f"{name}{ending}")
        takes.append(dataclasses.replace(load_mocap(folder / f"{name}{ending}"), up_axis=up))
    return tuple(takes)


TAKES = [("Y", ".bvh", False), ("Z", ".bvh", True), ("X", ".fbx", False), ("Y", ".fbx", True), ("Z", ".fbx", False)]


@pytest.mark.parametrize(
    ("name", "up", "ending", "resting"),
    quick(
        [(name, *take) for take in TAKES for name in SCRIPTS],
        ("vae_rnn", *TAKES[0]),
        ("vae_rnn_deepfake", *TAKES[1]),
        ("vae_rnn", *TAKES[3]),
    ),
)
def test_clips_go_along_the_recorded_path_or_nowhere(name, up, ending, resting, tmp_path):
    pair = duet_of(tmp_path, up, ending, resting)
    script, joint = load_script(name), int(resting)
    vars(script).update(SMALL | {"export_seq_start": 10, "export_seq_length": 30, "export_mix_seq_start": 0})
    seed_everything(1)
    nets = script.make_models([4 * take.skeleton.joint_count for take in pair])
    clips = list(script.make_clips(nets, Duet([pair], [[(0, 100)]], 0.2), [], 7))
    for root_motion in (True, False):
        export_clips(clips, tmp_path, tmp_path / "clips.json", [ending], "builtin", VIEW, root_motion)
    heights = [kinematics.hip_height(take) for take in pair]
    assert heights[1] == pytest.approx(0.6 * heights[0], rel=0.1)
    floor = [axis != up for axis in "XYZ"]
    for clip in clips:
        made = clip.motion
        along = load_mocap(tmp_path / f"{clip.name}{ending}")
        standing = load_mocap(tmp_path / f"{clip.name}_in_place{ending}")
        gifs = [(tmp_path / f"{clip.name}{ending}.gif").read_bytes() for ending in ("", IN_PLACE)]
        assert gifs[0] == gifs[1]
        path_of = clip.source if clip.kind == "converted" else clip.dancer
        path = positions(pair[path_of])[10:40, joint] * heights[clip.dancer] / heights[path_of]
        assert np.ptp(path, axis=0).min() > 0.5
        np.testing.assert_allclose(positions(along)[:, joint], path, atol=2e-3, err_msg=clip.name)
        np.testing.assert_allclose(
            positions(standing)[:, joint], np.where(floor, 0, path), atol=2e-3, err_msg=clip.name
        )
        for exported in (along, standing):  # and turns as it was made
            cosines = (exported.rot_local[:, : joint + 1] * made.rot_local[:, : joint + 1]).sum(-1).abs()
            assert cosines.min() > 1 - 1e-6
    if not resting:
        assert (made.rot_local[:, 0] * pair[1].rot_local[10:40, 0]).abs().sum(-1).min() < 0.9  # it has been turned


@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn_deepfake"))
def test_the_constant_is_heard_and_the_names_say_so(name, tiny, duet, monkeypatch):
    assert (
        run_here(name, tiny | {"export_root_motion": False, "epochs": 1, "export_formats": ["bvh"]}, monkeypatch) == 0
    )
    anims = duet / "results/anims"
    clips = [path for path in anims.glob("*.bvh")] + [
        path for path in anims.glob("[ops]*.gif") if "view" not in path.name
    ]
    assert len(clips) > 6
    for path in clips:
        assert path.stem.endswith("_length_40_in_place")
        if path.suffix == ".bvh":
            names, pos = plain_bvh.joint_positions(path.read_text())  # a reader that shares nothing with ours
            np.testing.assert_allclose(pos[:, names.index("Hips")][:, [0, 2]], 0, atol=1e-5)
            assert np.ptp(pos[:, names.index("Hips"), 1]) > 0.3


def test_fbx_in_place_by_an_independent_reader(tmp_path, ufbx):
    for take, name in zip(duet_of(tmp_path, "Z", ".fbx", resting=True), ("one", "two"), strict=True):
        save_mocap(root_path.stand(take), tmp_path / f"{name}.fbx")
        scene = ufbx(tmp_path / f"{name}.fbx")
        hips = scene["positions"][:, list(scene["names"]).index("Hips")]
        np.testing.assert_allclose(hips[:, :2], 0, atol=1e-3)
        np.testing.assert_allclose(hips[:, 2], positions(take)[:, 1, 2], atol=1e-3)


@pytest.mark.parametrize("resting", [False, True])
def test_standing_changes_the_place_and_nothing_else(tmp_path, resting):
    write_body(tmp_path / "take.bvh", body=RESTING if resting else BODY)
    take = cut(load_mocap(tmp_path / "take.bvh"), 3, 60)
    standing, joint = root_path.stand(take), int(resting)
    shift = (positions(take) - positions(standing))[:, joint:]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:, :1], shift.shape), atol=1e-9)
    np.testing.assert_allclose(shift[..., 1], 0, atol=1e-9)
    assert np.ptp(shift, axis=0).max() > 5
    np.testing.assert_allclose(positions(root_path.follow(standing, take)), positions(take), atol=1e-9)
    if resting:  # which stays where the file has it
        np.testing.assert_array_equal(standing.root_pos, take.root_pos)


def test_what_travels_may_lie_between_root_and_hips(tmp_path):
    inner = RESTING.replace("JOINT Hips", "JOINT Travel")
    inner = inner.replace("  JOINT Spine", "  JOINT Hips\n{\nOFFSET 0 3 1\nCHANNELS 0\n  JOINT Spine", 1) + "}\n"
    write_body(tmp_path / "take.bvh", body=inner)
    take = load_mocap(tmp_path / "take.bvh")
    hips = kinematics.hips(take.skeleton)
    assert take.skeleton.joint_names[:3] == ["Reference", "Travel", "Hips"]
    assert hips == 2
    np.testing.assert_allclose(positions(root_path.follow(take, take)), positions(take), atol=1e-9)
    np.testing.assert_allclose(positions(root_path.stand(take))[:, 1, [0, 2]], 0, atol=1e-9)


def test_a_body_of_another_file_follows_with_what_travels_in_its_own(tmp_path):
    write_body(tmp_path / "below.bvh", body=RESTING)
    write_body(tmp_path / "root.bvh", body=RESTING.replace("CHANNELS 0", "CHANNELS 3 Xposition Yposition Zposition"))
    below, whole = (load_mocap(tmp_path / f"{name}.bvh") for name in ("below", "root"))
    held = dataclasses.replace(whole, skeleton=dataclasses.replace(whole.skeleton, offsets=whole.skeleton.mean_offsets))
    moved = root_path.follow(held, below, 0.5)
    assert moved.skeleton.offsets.ndim == 2
    np.testing.assert_allclose(positions(moved)[:, 1], positions(below)[:, 1] / 2, atol=1e-9)
    moved = root_path.follow(below, held, 2.0)
    np.testing.assert_allclose(positions(moved)[:, 1], positions(held)[:, 1] * 2, atol=1e-9)


def test_floor_work_does_not_make_a_body_small(duet):
    take = load_mocap(duet / "one.bvh")
    standing = dataclasses.replace(take, rot_local=torch.eye(4, dtype=torch.float64)[0].repeat(100, 12, 1))
    lying = standing.rot_local.clone()
    lying[:80, 0] = torch.tensor([0.5, 0.5, 0, 0]).sqrt()
    lying = dataclasses.replace(standing, rot_local=lying)
    assert kinematics.hip_height(standing) == kinematics.hip_height(lying) == pytest.approx(90)
    assert root_path.scale_between(rescale(standing, 0.5), lying) == pytest.approx(0.5)
    flat = dataclasses.replace(lying, rot_local=lying.rot_local[:80], root_pos=lying.root_pos[:80])
    assert root_path.scale_between(flat, standing) == 1.0  # which tells nothing of its size
