"""New recordings of one dancer, read, converted, and placed."""

import dataclasses
import math

from common.dataset import Duet, load_duet, load_solos
from common.mocap import load_mocap, save_mocap
from common.model import apply, generate, vae
from common.motion import facing, kinematics, partner_path, quaternion, root_path
from common.report import presets
from common.runtime.errors import InputError
from helpers.project import BODY, PROJECT, positions, write_body

import numpy as np
import pytest
import torch

LENGTH = 16


@pytest.fixture(scope="module")
def bundled():
    """The first 900 frames of the bundled duet."""
    files = [["duet_dancer1.fbx", "duet_dancer2.fbx"]]
    return load_duet(PROJECT / "data" / "mocap", files, [[[0, 900]]], None, 0.2, 1.0, None, None)


def conversion(duet, source=0, target=1, path_of=1, lock_feet=False):
    torch.manual_seed(2)
    dims = [duet.pose_dims[dancer] for dancer in (source, target)]
    return generate.Conversion(
        source,
        target,
        vae.Encoder(dims[0], 4, 1, 8, True, [6]),
        vae.Decoder(dims[1], 4, LENGTH, 1, 8, True, [6]),
        path_of,
        lock_feet,
    )


def frames(take, start, end):
    return dataclasses.replace(take, rot_local=take.rot_local[start:end], root_pos=take.root_pos[start:end])


def turned_about_up(take, angle):
    """The whole take turned in the room, about the Y axis."""
    turn = quaternion.from_euler(torch.tensor([angle], dtype=torch.float64), "Y")
    rot_local = take.rot_local.clone()
    rot_local[:, 0] = quaternion.mul(turn, rot_local[:, 0])
    root_pos = quaternion.rotate(turn, take.root_pos)
    return dataclasses.replace(take, rot_local=rot_local, root_pos=root_pos)


# ---------------------------------------------------------------------------------------------------------------------
# where it goes


def test_the_place_of_dancer_2_is_the_recorded_one(bundled):
    hips = [kinematics.hips(take.skeleton) for take in bundled.pairs[0]]
    one, two = (positions(take)[:900, hip] for take, hip in zip(bundled.pairs[0], hips, strict=True))
    place = partner_path.mean_place(bundled.pairs, bundled.ranges)
    assert place.distance == pytest.approx(np.linalg.norm((two - one)[:, [0, 2]], axis=1).mean())
    assert 20 < place.distance < 500


@pytest.mark.parametrize("angle", [0.7, -2.5, math.pi])
def test_a_turned_duet_has_the_same_place(bundled, angle):
    place = partner_path.mean_place(bundled.pairs, bundled.ranges)
    again = partner_path.mean_place([[turned_about_up(take, angle) for take in bundled.pairs[0]]], bundled.ranges)
    assert again[:3] == pytest.approx(place[:3], rel=1e-6)


def test_dancer_2_stands_to_the_side_that_the_bearing_says(bundled):
    first = bundled.pairs[0][0]
    front = partner_path.mean_place(bundled.pairs, bundled.ranges).front
    hips = kinematics.hips(first.skeleton)
    world = kinematics.world_rotation(first.rot_local, first.skeleton.parents, hips)
    ahead = facing.headings(world, front, "Y").numpy()
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    left = np.cross([0, 1, 0], ahead)
    for direction, bearing, words in ((ahead, 0, "straight ahead"), (left, math.pi / 2, "90° to the left")):
        beside = dataclasses.replace(first, root_pos=first.root_pos + 120 * torch.from_numpy(direction))
        place = partner_path.mean_place([(first, beside)], bundled.ranges)
        assert (place.distance, place.bearing) == pytest.approx((120, bearing), abs=1e-3)
        assert str(place) == f"120 cm away, {words}"


@pytest.mark.parametrize("angle", [0.0, 2.0])
def test_a_translation_goes_beside_the_new_path_on_the_floor(bundled, angle):
    take = turned_about_up(frames(bundled.pairs[0][0], 100, 500), angle)
    clip = apply.convert_solo(conversion(bundled), take, bundled, LENGTH)
    assert clip.skeleton.joint_names == bundled.pairs[0][1].skeleton.joint_names
    assert clip.frame_count == 400
    assert clip.fps == take.fps
    place = partner_path.mean_place(bundled.pairs, bundled.ranges)
    hips = [kinematics.hips(part.skeleton) for part in (take, clip)]
    distances = positions(clip)[:, hips[1]] - positions(take)[:, hips[0]]
    np.testing.assert_allclose(np.linalg.norm(distances[:, [0, 2]], axis=1), place.distance, rtol=1e-6)
    assert np.ptp(distances[:, [0, 2]], axis=0).max() < 1e-6
    lowest = positions(clip)[..., 1].min(axis=1)
    floor = np.quantile(positions(take)[..., 1].min(axis=1), 0.05) + place.rise
    np.testing.assert_allclose(lowest, floor, atol=1e-6)
    still = apply.convert_solo(conversion(bundled), frames(bundled.pairs[0][0], 100, 500), bundled, LENGTH)
    before = (positions(still)[0, hips[1]] - positions(frames(bundled.pairs[0][0], 100, 500))[0, hips[0]])[None]
    turn = quaternion.from_euler(torch.tensor([angle], dtype=torch.float64), "Y")
    expected = quaternion.rotate(turn, torch.tensor(before))
    np.testing.assert_allclose(distances[:1, [0, 2]], expected[:, [0, 2]], atol=1e-6)


def test_feet_are_locked_where_they_shall(bundled):
    take = frames(bundled.pairs[0][0], 100, 400)
    clips = [apply.convert_solo(conversion(bundled, lock_feet=hold), take, bundled, LENGTH) for hold in (True, False)]
    assert (clips[0].root_pos - clips[1].root_pos).abs().max() > 0.1


def test_a_deepfake_follows_its_source_scaled_by_hip_height(bundled):
    take = frames(bundled.pairs[0][0], 100, 400)
    for source, target in ((0, 1), (1, 0)):
        clip = apply.convert_solo(conversion(bundled, source, target, path_of=source), take, bundled, LENGTH)
        scale = root_path.scale_between(bundled.pairs[0][target], take)
        np.testing.assert_allclose(clip.root_pos, take.root_pos * scale)
        np.testing.assert_allclose(clip.skeleton.offsets, bundled.pairs[0][target].skeleton.offsets)


def test_the_movement_is_that_of_the_trained_conversion(bundled):
    """A stretch of the recording itself gives what its clip gives."""
    translation = conversion(bundled)
    take = frames(bundled.pairs[0][0], 0, 300)
    clip = apply.convert_solo(translation, take, bundled, LENGTH)
    np.testing.assert_array_equal(clip.rot_local, generate.convert(translation, take, LENGTH))


def test_a_body_without_feet_and_a_root_at_rest(tmp_path):
    write_body(tmp_path / "one.bvh", body=BODY.replace("-90 5", "90 5"))
    write_body(tmp_path / "two.bvh", body=BODY.replace("ROOT Hips", "ROOT Hips2"))
    duet = load_duet(tmp_path, [["one.bvh", "two.bvh"]], [[[0, -1]]], None, 0.2, 1.0, None, None)
    clip = apply.convert_solo(conversion(duet, lock_feet=True), duet.pairs[0][0], duet, LENGTH)
    assert np.isfinite(positions(clip)).all()


# ---------------------------------------------------------------------------------------------------------------------
# long recordings


def test_memory_grows_with_the_frames_and_not_with_the_windows(bundled):
    """Of 7200 frames, no more than one batch of windows passes a model, or is kept, at once."""
    translation, take = conversion(bundled), frames(bundled.pairs[0][0], 0, 900)
    poses = take.rot_local.repeat(8, 1, 1).float().flatten(1)
    seen = {net: [] for net in (translation.encoder, translation.decoder)}
    for net, sizes in seen.items():
        net.register_forward_hook(lambda net, inputs, output, sizes=sizes: sizes.append(len(inputs[0])))
    codes = generate.encode(translation.encoder, poses, LENGTH)
    motion = generate.decode(translation.decoder, codes, len(poses))
    assert motion.shape == (7200, take.skeleton.joint_count, 4)
    for sizes in seen.values():
        assert max(sizes) == generate.BATCH
        assert sum(sizes) == len(codes)


# ---------------------------------------------------------------------------------------------------------------------
# reading


@pytest.fixture
def trained(duet):
    return load_duet(duet, [["one.bvh", "two.bvh"]], [[[0, -1]]], None, 0.2, 1.0, None, None)


def load(folder, files, trained, dancers=(0,), **changes):
    settings = {"pos_scale": 1.0, "fps": None, "up_axis": None, "sequence_length": LENGTH} | changes
    return load_solos(folder, files, trained, dancers, **settings)


def test_names_and_clips_of_recordings(duet, trained):
    for name in ("solo.bvh", "Über uns.bvh"):
        write_body(duet / name, 60)
    save_mocap(load_mocap(duet / "solo.bvh"), duet / "solo.fbx")
    solos = load(duet, ["solo.bvh", "solo.fbx", "Über uns.bvh"], trained)
    assert [solo.name for solo in solos] == ["solo", "solo_2", "Über uns"]
    assert [solo.dancer for solo in solos] == [0, 0, 0]
    clips = list(apply.apply_to_solos([conversion(trained)], solos, trained, LENGTH, 7))
    assert [clip.name for clip in clips] == [f"applied_{solo.name}_dancer1_to_dancer2_epoch_7" for solo in solos]
    assert {clip.motion.frame_count for clip in clips} == {60}
    assert {(clip.kind, clip.source, clip.dancer, clip.epoch) for clip in clips} == {("applied", 0, 1, 7)}
    assert presets.titles(clips)[0]["title"] == "solo, as dancer 2"


def test_a_deepfake_gives_the_other_dancer(duet, trained):
    write_body(duet / "solo.bvh", 60)
    solos = load(duet, [["solo.bvh", 2], ["solo.bvh", 1]], trained, (0, 1))
    every = [conversion(trained, *dancers, path_of=dancers[0]) for dancers in ((0, 0), (1, 1), (0, 1), (1, 0))]
    names = [clip.name for clip in apply.apply_to_solos(every, solos, trained, LENGTH, 3)]
    assert names == ["applied_solo_dancer2_to_dancer1_epoch_3", "applied_solo_2_dancer1_to_dancer2_epoch_3"]


@pytest.mark.parametrize("fps", [25, 60, 120])
def test_another_frame_rate_is_resampled(duet, trained, fps, capsys):
    write_body(duet / "solo.bvh", 2 * fps, fps)
    (solo,) = load(duet, ["solo.bvh"], trained)
    assert "to 50 frames per second" in capsys.readouterr().out
    assert solo.take.fps == 50
    assert solo.take.frame_count == int((2 * fps - 1) / fps * 50) + 1
    same = load_mocap(duet / "one.bvh")  # the same movement at 50
    count = solo.take.frame_count
    np.testing.assert_allclose(positions(solo.take), positions(frames(same, 0, count)), atol=0.02 * (120 / fps) ** 2)


def test_an_interpolated_frame_lies_between(body):
    a, b = body.rot_local[3], body.rot_local[9]
    third = quaternion.slerp(a, -b, torch.full((len(a),), 1 / 3, dtype=torch.float64))
    whole = quaternion.half_angle(a, b)
    torch.testing.assert_close(quaternion.half_angle(a, third), whole / 3)
    torch.testing.assert_close(quaternion.half_angle(third, b), 2 * whole / 3)
    torch.testing.assert_close(quaternion.slerp(a, a, torch.zeros(len(a), dtype=torch.float64)), a)


def test_what_cannot_be_applied_is_said(duet, trained):
    write_body(duet / "other.bvh", 60, body=BODY.replace("RightArm", "RightWing"))
    write_body(duet / "short.bvh", LENGTH - 1)
    write_body(duet / "slow.bvh", 60, 1000)
    (duet / "broken.bvh").write_text("HIERARCHY\nROOT", encoding="utf-8")
    write_body(duet / "solo.bvh", 60)
    two = (0, 1)
    for files, dancers, error, words in (
        (["none.bvh"], (0,), FileNotFoundError, "check mocap_file_path and apply_files"),
        (
            ["other.bvh"],
            (0,),
            InputError,
            r"apply_files, other.bvh: joint 4 is 'RightArm' in .*one.bvh but 'RightWing'",
        ),
        (["short.bvh"], (0,), InputError, "apply_files, short.bvh: has 15 frames at 50 .* sequence_length = 16"),
        (["slow.bvh"], (0,), InputError, "has 3 frames at 50"),
        (["broken.bvh"], (0,), InputError, "broken.bvh"),
        (["two.txt"], (0,), FileNotFoundError, "apply_files"),
        (["solo.bvh"], two, InputError, r"say who danced solo.bvh.*\[\['solo.bvh', 1\]\]"),
        ([["solo.bvh", 2]], (0,), InputError, "read movement of dancer 1, not of dancer 2"),
        ([["solo.bvh", 3]], two, InputError, "dancer 1 or 2, not of dancer 3"),
    ):
        with pytest.raises(error, match=words):
            load(duet, files, trained, dancers)
    one, two = trained.pairs[0]
    lying = Duet([(dataclasses.replace(one, up_axis="Z"), two)], trained.ranges, 0.2)
    with pytest.raises(InputError, match=r"solo.bvh: has Y up.*training Z.*mocap_up_axis"):
        load(duet, ["solo.bvh"], lying)
    assert load(duet, [], trained) == []


def test_scales_and_rates_that_the_user_gives(duet, trained):
    write_body(duet / "solo.bvh", 60)
    (solo,) = load(duet, ["solo.bvh"], trained, pos_scale=[100.0, 1.0], fps=50, up_axis="Y")
    assert solo.take.unit_cm == 100
    np.testing.assert_allclose(solo.take.skeleton.offsets, 100 * trained.pairs[0][0].skeleton.offsets)
