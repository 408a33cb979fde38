"""The live dance of the report in a real browser: its numbers against torch, its files against our reader, and what a
user does with it. Skips where there is no Chromium.

Shapes: W windows, L frames of a window, T frames, J joints, Z latent.
"""

import json
import time

from common import report
from common.mocap import load_mocap
from common.model import generate
from common.motion import kinematics, quaternion
from helpers import live_page
from helpers.made_takes import body_of
from helpers.project import write_body
from helpers.report_page import Page

import numpy as np
import pytest
import torch

LENGTH, HOP, LATENT = 32, 16, 6
QUIET = {"prefers_reduced_motion": "reduce"}
MOVING = {"prefers_reduced_motion": "no-preference"}
FULL = (57, 64, 64, 2, 256, True, [512])  # joints, latent, frames, layers, units, both directions, dense layers
SIZES = [
    (5, 3, 9, 1, 6, False, [10]),
    (4, 6, 8, 3, 5, True, [7, 12, 9]),
    (3, 2, 1, 1, 4, True, [8]),
    (2, 5, 33, 2, 16, False, [6, 3]),
]


def open_page(browser, path, width=1000, height=800, mobile=False, **media):
    browser.open(path, width, height, mobile, **(QUIET | media))
    assert browser.console == []


def wait(browser, condition, patience=40):
    """Wait until a JavaScript expression is true."""
    end = time.monotonic() + patience
    while not browser.run(f"Boolean({condition})"):
        assert time.monotonic() < end, (condition, browser.console, browser.run("live.status.textContent"))
        time.sleep(0.02)


def ready(browser):
    """Bring the live dance on the screen, and wait for its first window."""
    browser.bring(".live-views")
    wait(browser, "live.stage && live.dance.start !== null")


def angles(page, expected):
    """Degrees between rotations of the page, a flat list, and expected ones (…, J, 4)."""
    return quaternion.angle_degrees(torch.tensor(page, dtype=torch.float64).view(expected.shape), expected)


# ---------------------------------------------------------------------------------------------------------------------
# numbers


@pytest.mark.parametrize("sizes", [FULL, *SIZES], ids=str)
def test_the_page_decodes_as_torch_does(sizes, browser, tmp_path):
    joints, latent_dim, frames, *rest = sizes
    nets = live_page.make_nets(joints, [1], latent_dim, frames, *rest)
    takes = [body_of(joints, 2 * frames + 20, 50.0)] * 2
    open_page(browser, live_page.write(tmp_path, takes, nets, frames))
    codes = np.random.default_rng(0).uniform(-1, 1, (20, latent_dim)).astype(np.float32)
    browser.run(
        "window.net = new decoder.Decoder(report.data.model.decoders[0],"
        " decoder.unpack(report.at('weights0').textContent)), 0"
    )
    page = [browser.run(f"[...net.decode(new Float32Array({json.dumps(code.tolist())}))]") for code in codes]
    exact = live_page.windows(nets[1], codes)
    assert angles(page, live_page.windows(live_page.rounded(nets[1]), codes)).max() < 0.01
    assert angles(page, exact).mean() < 0.1
    assert angles(exact[:1].expand_as(exact).flatten().tolist(), exact)[1:].mean() > 1  # codes do move the joints
    ready(browser)  # the same from the worker
    browser.run("live.dance.generated[0].blend.add = (window) => (live.window = window)")
    browser.run("live.dance.start = live.dance.waiting = null, live.dance.takeFrames = () => {}, live.dance.ask()")
    wait(browser, "live.window")
    code = browser.run("[...live.dance.code]")
    assert angles(browser.run("[...live.window]"), live_page.windows(live_page.rounded(nets[1]), [code])).max() < 0.01


def test_windows_are_blended_as_in_an_export(page, nets):
    codes = np.random.default_rng(1).uniform(-1, 1, (7, LATENT)).astype(np.float32)
    count = 6 * HOP + LENGTH
    expected = generate.decode(live_page.rounded(nets[1]), torch.from_numpy(codes), count)
    blended = page.run(BLENDED % json.dumps(codes.tolist()))
    assert angles(blended, expected).max() < 0.01
    frames = np.reshape(blended, (count, -1, 4))
    assert (np.sum(frames[1:] * frames[:-1], axis=-1) > 0).all()  # no sign flips, between whose sides nothing lies


BLENDED = """(() => {
    const shape = report.data.model.decoders[1], frames = [];
    const net = new decoder.Decoder(shape, decoder.unpack(report.at("weights1").textContent));
    const blend = new motion.Blend(shape.frames, shape.pose);
    %s.forEach((code, number) => {
        blend.add(net.decode(code), 16 * number);
        const last = number === 6 ? blend.covered : 16 * number + 15;
        while (blend.taken < last) frames.push(...blend.take(new Float64Array(shape.pose)) || blend.before);
    });
    return frames;
})()"""


# ---------------------------------------------------------------------------------------------------------------------
# a page to play with: a deepfake of two bodies of 12 joints


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    write_body(folder / "one.bvh", 200)
    write_body(folder / "two.bvh", 200, phase=0.7)
    return folder


@pytest.fixture(scope="module")
def takes(folder):
    return [load_mocap(folder / f"{name}.bvh") for name in ("one", "two")]


@pytest.fixture(scope="module")
def nets(takes):
    return live_page.make_nets(12, [0, 1], LATENT, LENGTH, 2, 8, True, [10])


@pytest.fixture(scope="module")
def path(folder, takes, nets):
    return live_page.write(folder, takes, nets, LENGTH)


@pytest.fixture
def page(browser, path):
    """The page, freshly opened, with the live dance ready and still; nothing to complain about after a test."""
    open_page(browser, path)
    ready(browser)
    yield browser
    assert browser.console == []
    assert [url for url in browser.requests if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
    assert browser.run("live.dance.problem") == ""
    assert browser.run("document.querySelectorAll('.problem').length") == 0


def on_map(browser, point=None):
    """Where a point of the map is in the window, or the map's middle."""
    browser.bring(".live-map svg")
    spot = "[live.map.width / 2, live.map.height / 2]" if point is None else f"live.map.spotOf({point})"
    return browser.run(f"(([x, y], b) => [x + b.x, y + b.y])({spot}, live.map.svg.getBoundingClientRect())")


def press(browser, *place):
    browser.mouse("mousePressed", *place, "left", clickCount=1)


def release(browser, *place):
    browser.mouse("mouseReleased", *place, "left", clickCount=1)


def codes_of(path):
    data = Page(path).data
    with np.load(path.parent / "histories/latent_1.npz") as file:
        return file["codes"], file["places"], data


def test_the_policy_allows_the_worker_and_nothing_else(path, page):
    Page(path).check_policy()
    attempts = (
        "new Promise((done) => { const w = new Worker('data:text/javascript,postMessage(1)');"
        " w.onmessage = () => done('ran'); w.onerror = () => done('refused'); })",
        "fetch('https://example.org').then(() => 'ran', () => 'refused')",
        "new Promise((done) => { const s = document.createElement('script'); s.textContent = 'window.hit = 1';"
        " document.body.append(s); done(window.hit ? 'ran' : 'refused'); })",
        "new Promise((done) => { const s = document.createElement('script'); s.onerror = () => done('refused');"
        " s.onload = () => done('ran'); s.src = URL.createObjectURL(new Blob(['window.hit = 1']));"
        " document.body.append(s); })",
    )
    for attempt in attempts:
        assert page.run(attempt) == "refused"
    page.console.clear()  # each of them was complained about


def test_pressing_on_the_map_decodes_the_code_there(path, page):
    codes, places, _ = codes_of(path)
    assert page.run("live.stage.playing") is False
    x, y = on_map(page, 20)
    press(page, x, y)
    assert page.run("live.stage.playing") is True
    wait(page, "live.dance.frame > 40")
    led = np.array(page.run("live.map.led"))
    np.testing.assert_allclose(led, places[20], atol=0.02 * np.ptp(places))
    np.testing.assert_allclose(page.run("[...live.guide.base]"), mixed(codes, places, led), atol=1e-5)
    np.testing.assert_allclose(page.run("[...live.dance.code]"), mixed(codes, places, led), atol=1e-5)
    for step in range(1, 6):
        page.mouse("mouseMoved", x + 8 * step, y - 5 * step, "left")
    moved = np.array(page.run("live.map.led"))
    np.testing.assert_allclose(page.run("[...live.guide.base]"), mixed(codes, places, moved), atol=1e-5)
    assert np.linalg.norm(moved - led) > 0
    assert len(page.run("[...live.map.ties.children].map((line) => line.getAttribute('x2'))")) == 8
    release(page, x + 40, y - 25)
    assert page.run("[live.map.led, live.guide.pointer]") == [None, False]


def mixed(codes, places, place):
    """The code of a place: weights ((R − d) / (R d))² of the eight nearest windows, R the distance of the ninth."""
    distances = np.linalg.norm(places.astype(float) - place, axis=1)
    order = np.argsort(distances, kind="stable")
    near, reach = distances[order[:8]], distances[order[8]]
    if near[0] < 1e-6:
        return codes[order[0]]
    weights = ((reach - near) / (reach * near)) ** 2
    return weights / weights.sum() @ codes[order[:8]]


def test_the_code_changes_smoothly_over_the_map(page):
    steps = page.run("""(() => {
        const codes = Array.from({length: 401}, (_, i) => {
            live.guide.point(...live.map.place(i * live.map.width / 400, live.map.height / 2));
            return [...live.guide.base];
        });
        return codes.slice(1).map((code, i) => Math.hypot(...code.map((value, at) => value - codes[i][at])));
    })()""")
    spread = page.run("Math.hypot(...live.guide.order.map((number) => live.guide.spread(number)))")
    assert 0 < max(steps) < spread  # from pixel to pixel, where windows enter and leave the mix


def test_bodies_stand_as_their_rotations_say(page, takes):
    page.run("live.play(true), 0")
    wait(page, "live.dance.frame > 50")
    page.run("live.play(false), 0")
    for number, take in enumerate(takes):
        one = f"live.dance.generated[{number}]"
        rotations = torch.tensor(page.run(f"[...{one}.rotations]"), dtype=torch.float64).view(12, 4)
        pos = kinematics.joint_positions(rotations, take.skeleton.offsets, take.skeleton.parents).numpy()
        pos -= (pos[0, 0], pos[:, 1].min(), pos[0, 2])
        np.testing.assert_allclose(np.reshape(page.run(f"[...{one}.positions]"), (12, 3)), pos, atol=1e-3)
        shown = f"live.stage.figures[{number}]"
        page.run("live.stage.time = live.dance.frame / live.dance.fps, live.stage.draw(0), 0")
        offset = [page.run(f"{shown}.offset.{axis} + 0") for axis in "xyz"]
        np.testing.assert_allclose(
            np.reshape(page.run(f"[...{shown}.positions]"), (12, 3)), pos / 100 + offset, atol=1e-4
        )


def test_both_decoders_dance_the_same_code(page, nets):
    page.run(
        "window.got = [], live.dance.generated.forEach(({blend}, n) => { const add = blend.add;"
        " blend.add = function (w, s) { got[n] = [...w]; return add.call(this, w, s); } }), 0"
    )
    page.run("live.play(true), 0")
    wait(page, "got[0] && got[1] && live.dance.frame > 20")
    page.run("live.play(false), 0")
    wait(page, "live.dance.waiting === null")
    code = page.run("[...live.dance.code]")
    for number in (0, 1):
        expected = live_page.windows(live_page.rounded(nets[number]), [code])
        assert angles(page.run(f"got[{number}]"), expected).max() < 0.01
    assert page.run("live.stage.cast.map(({clip}) => clip.title)") == ["as dancer 1", "as dancer 2"]
    x = page.run("live.stage.cast.map(({offset}) => offset.x)")
    assert x[1] - x[0] > 0.6  # metres: side by side


def test_a_recorded_dance_is_saved_as_bvh(page, takes, tmp_path):
    page.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    assert page.run("[live.replayButton.disabled, live.saveButtons[0].disabled]") == [True, True]
    page.click("#live-record")
    x, y = on_map(page)
    press(page, x, y)
    for step in range(20):
        page.mouse("mouseMoved", x + 60 * np.sin(step / 3), y + 4 * step, "left")
        time.sleep(0.05)
    release(page, x, y)
    wait(page, "live.recording.frames[0].length > 60")
    page.click("#live-record")
    for number, take in enumerate(takes):
        page.click(f"#live-save{number}")
        file = tmp_path / f"live_dancer{number + 1}.bvh"
        end = time.monotonic() + 20
        while not file.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        read = load_mocap(file)
        held = page.run(f"live.frames[{number}].map(({{rotations, root}}) => [[...rotations], [...root]])")
        rotations = torch.tensor([rows for rows, _ in held], dtype=torch.float64).view(len(held), 12, 4)
        ends = torch.tensor([name.endswith("_Nub") for name in take.skeleton.joint_names])
        errors = quaternion.angle_degrees(read.rot_local, quaternion.normalise(rotations))
        assert errors[:, ~ends].max() < 1e-3
        assert errors[:, ~ends].shape == (len(held), 7)
        np.testing.assert_allclose(read.root_pos, [root for _, root in held], atol=1e-5)
        assert read.fps == pytest.approx(50)
        assert read.skeleton.joint_names == take.skeleton.joint_names
        assert read.skeleton.rot_orders == take.skeleton.rot_orders
        np.testing.assert_allclose(read.skeleton.offsets[1:], take.skeleton.offsets[1:], atol=1e-6)
        assert len(held) > 60
        step = np.abs(np.diff(np.loadtxt(file.read_text().split("Frame Time: 0.02\n")[1].splitlines()), axis=0))
        assert step.max() < 90  # unrolled: no angle turns round


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_angles_of_a_file_are_unrolled_as_ours_are(order, page):
    random = torch.Generator().manual_seed(5)
    steps = quaternion.normalise(
        torch.tensor([9.0, 0, 0, 0], dtype=torch.float64) + torch.randn(200, 4, generator=random, dtype=torch.float64)
    )
    turns = [steps[0]]
    for step in steps[1:]:
        turns.append(quaternion.mul(turns[-1], step))
    turns = torch.stack(turns)
    turns[50:55] = quaternion.from_euler(
        torch.deg2rad(torch.tensor([30.0, 90.0, 20.0], dtype=torch.float64)), order
    )  # gimbal lock
    made = page.run(
        f"(() => {{ const euler = new motion.Euler('{order}');"
        f" return {json.dumps(turns.tolist())}.map((q) => euler.next(q)); }})()"
    )
    again = quaternion.from_euler(torch.tensor(made, dtype=torch.float64), order)
    assert quaternion.angle_degrees(again, turns).max() < 1e-5
    expected = quaternion.to_euler(turns, order).numpy()
    np.testing.assert_allclose(np.remainder(np.array(made) - expected + 1, 2 * np.pi), 1, atol=1e-6)
    assert np.ptp(np.round((np.array(made) - expected) / (2 * np.pi)), axis=0).max() == 0


def test_names_and_bodies_of_every_kind_are_written(page, tmp_path):
    """Short bones, two ends of one joint, names that a file cannot hold, an odd frame rate, any order of joints."""
    take = body_of(9, 2, 50.0)
    names = ["Hips", "a b", "x{y}", "line\nend", "\ud800", "", "a:b", "é腕", "end"]
    body = {"names": names, "parents": [-1, 0, 1, 2, 3, 4, 5, 6, 6], "offsets": (take.skeleton.offsets / 1000).tolist(),
            "orders": ["XYZ"] * 4 + ["ZYX"] * 5, "ends": [False] * 7 + [True, True]}  # fmt: skip
    still = {"rotations": [1, 0, 0, 0] * 9, "root": [1e-9, -2.5, 1e5]}
    frames = (
        f"{json.dumps([still] * 3)}.map(({{rotations, root}}) => ({{rotations: new Float32Array(rotations), root}}))"
    )
    text = page.run(f"report.bvh({json.dumps(body)}, {frames}, 119.88)")
    (tmp_path / "odd.bvh").write_text(text, encoding="utf-8")
    read = load_mocap(tmp_path / "odd.bvh")
    assert read.skeleton.joint_names[:7] == ["Hips", "a b", "x(y)", "line_end", "_", "joint5", "a:b"]
    assert read.skeleton.is_end_site == body["ends"]
    assert read.fps == pytest.approx(119.88, rel=1e-6)
    np.testing.assert_allclose(read.root_pos[0], [0, -2.5, 1e5])
    assert "e-" not in text.split("MOTION")[1]
    body |= {"parents": [-1, 0, 0, 1, 2, 3, 3, 4, 7], "ends": [False] * 9}  # children of one joint stand together
    turned = frames.replace(json.dumps(still["rotations"]), json.dumps([0.8, 0.6, 0, 0] * 2 + [0.8, 0, 0.6, 0] * 7))
    (tmp_path / "order.bvh").write_text(page.run(f"report.bvh({json.dumps(body)}, {turned}, 50)"), encoding="utf-8")
    read = load_mocap(tmp_path / "order.bvh")
    about_x = {name for name, (_, x, _, _) in zip(read.skeleton.joint_names, read.rot_local[0], strict=True) if x > 0.5}
    assert about_x == {"Hips", "a b"}


def test_the_path_of_the_pointer_is_played_again(page):
    page.click("#live-record")
    x, y = on_map(page)
    press(page, x, y)
    for step in range(10):
        page.mouse("mouseMoved", x + 9 * step, y - 5 * step, "left")
        time.sleep(0.04)
    release(page, x + 81, y - 45)
    wait(page, "live.dance.seconds - live.recording.from > 1.2")
    page.click("#live-record")
    events = page.run("live.path.events")
    assert [event["place"] is None for event in (events[0], events[-1])] == [True, True]
    assert len(page.run("live.map.trail.getAttribute('points').split(' ')")) >= 8
    middle = next(event for event in events[4:] if event["place"])
    np.testing.assert_allclose(page.run(f"live.path.at({middle['seconds']})"), middle["place"], atol=1e-9)
    assert page.run("live.path.at(live.path.seconds - 0.01)") is None
    page.run(
        "window.places = [], live.follow = ((follow) => function (place) { places.push(place);"
        " follow.call(live, place); })(live.follow), 0"
    )
    page.click("#live-replay")
    wait(page, "live.map.led")
    wait(page, "live.replayed === null")
    followed = [place for place in page.run("places") if place]
    recorded = np.array([event["place"] for event in events if event["place"]])
    low, high = recorded.min(axis=0) - 1e-9, recorded.max(axis=0) + 1e-9
    assert len(followed) > 2
    assert all((low <= place).all() and (place <= high).all() for place in np.array(followed))
    np.testing.assert_allclose(followed[-1], recorded[-1], atol=0.3 * np.ptp(recorded))
    assert page.run("[live.map.led, live.guide.pointer]") == [None, False]


def test_sliders_move_the_numbers_that_vary_most(path, page):
    codes, _, _ = codes_of(path)
    order = np.argsort(-codes.std(axis=0), kind="stable")
    assert page.run("live.guide.order") == order.tolist()[:8]
    page.click('[data-mode="hold"]')
    base = np.array(page.run("[...live.guide.base]"))
    page.run("live.inputs[0].value = '0.5', live.inputs[0].dispatchEvent(new Event('input'))")
    page.run("live.inputs[1].value = '-1', live.inputs[1].dispatchEvent(new Event('input'))")
    expected = base.copy()
    expected[order[0]] = min(base[order[0]] + 0.5, 1)
    expected[order[1]] = max(base[order[1]] - 1, -1)
    np.testing.assert_allclose(page.run("[...live.guide.next(16).code]"), expected, atol=1e-6)
    assert page.run("live.values.slice(0, 2).map((value) => value.textContent)") == ["+0.50", "−1.00"]
    assert page.run("live.stage.playing") is True
    page.click("#live-reset")
    np.testing.assert_allclose(page.run("[...live.guide.next(16).code]"), base, atol=1e-6)
    page.run("live.inputs[2].focus()")
    page.send("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    assert page.run("live.guide.sliders[2]") == pytest.approx(0.01)


def test_the_sine_swings_the_whole_code_as_the_exported_clip_does(page):
    page.click('[data-mode="hold"]')
    page.click("#live-sine")
    page.run("live.play(false), live.guide.setSine(true), 0")
    base = torch.tensor(page.run("[...live.guide.base]"))
    made = page.run("(live.dance.waiting = null, Array.from({length: 20}, () => [...live.guide.next(16).code]))")
    expected = generate.sine_offset(base.expand(20, -1), 0.5, 4 * 50, 64)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_the_random_walk_has_the_steps_of_the_recording(page):
    page.click('[data-mode="walk"]')
    page.run("live.play(false), live.guide.setMode('walk'), 0")
    walk = np.array(page.run("[...live.guide.walk]"))
    codes = np.array(
        page.run(
            "Array.from({length: 3000}, () => (live.guide.base.fill(0.5), live.guide.start(), live.guide.next(16),"
            " [...live.guide.next(16).code]))"
        )
    )
    steps = codes - 0.5
    np.testing.assert_allclose(np.sqrt((steps**2).mean(axis=0)), walk, rtol=0.06)
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=0.1 * walk.max())
    far = np.array(
        page.run("(live.guide.walk.fill(0.7), Array.from({length: 500}, () => [...live.guide.next(16).code]))")
    )
    assert -1 <= far.min() < -0.9 < 0.9 < far.max() <= 1


def test_the_recording_goes_on_in_its_own_time(path, page):
    codes, _, _ = codes_of(path)
    with np.load(path.parent / "histories/latent_1.npz") as file:
        frame, dancer, held_out = file["frame"], file["dancer"], file["held_out"]
    start = int(np.flatnonzero((dancer == 1) & ~held_out)[3])
    page.run(
        f"live.play(false), live.guide.point(...live.guide.places.slice({2 * start}, {2 * start + 2})),"
        " live.guide.release(), 0"
    )
    made = page.run(
        "Array.from({length: 4}, () => { const {code, point, frames} = live.guide.next(16);"
        " return [[...code], live.guide.frame[point] + frames, live.guide.dancer[point]]; })"
    )
    same = np.flatnonzero((dancer == 1) & (held_out == held_out[start]))
    for number, (code, at, whose) in enumerate(made):
        assert (at, whose) == (frame[start] + 16 * number, 1)
        expected = [np.interp(at, frame[same], codes[same, i]) for i in range(LATENT)]
        np.testing.assert_allclose(code, expected, atol=1e-5)
    seen = page.run(
        "Array.from({length: 60}, () => { const {point} = live.guide.next(16);"
        " return [live.guide.dancer[point], live.guide.frame[point]]; })"
    )
    assert {whose for whose, _ in seen} == {1}
    assert min(frames for _, frames in seen) == frame[dancer == 1].min()  # after the end comes the beginning


def test_a_recorded_dancer_stands_beside(page, takes):
    page.click("#live-recorded")
    assert page.run("live.stage.cast.length") == 3
    page.run("live.play(true), 0")
    wait(page, "live.dance.frame > 60")
    page.run("live.play(false), 0")
    # a frame at which the window that came last has faded in: it may have come after the frame that is drawn
    point, frames, shown = page.run(
        "(({recorded}, frame) => { recorded.takeFrame(frame);"
        " return [recorded.now.point, frame - recorded.now.frame, [...recorded.positions]]; })"
        "(live.dance, Math.max(live.dance.frame, live.dance.recorded.now.since + 15))"
    )
    whose, first = page.run(f"[live.guide.dancer[{point}], live.guide.frame[{point}]]")
    frame = first + min(frames, LENGTH - 1)
    take = takes[whose]
    pos = kinematics.joint_positions(take.rot_local, take.skeleton.offsets, take.skeleton.parents).numpy()
    shown = np.reshape(shown, (12, 3))
    near = pos[max(frame - 3, 0) : frame + 4]
    near = near - near[:, :1]
    errors = np.abs(near - (shown - shown[0])).max(axis=(1, 2))
    assert errors.min() < 6  # cm: it has 20 frames in a second
    assert shown[:, 1].min() == pytest.approx(0, abs=1e-6)
    labels = page.run(
        "[...document.querySelectorAll('#live .labels span:not([hidden])')].map((label) => label.textContent)"
    )
    assert labels == ["as dancer 1", "as dancer 2", f"dancer {whose + 1}, recorded"]


# ---------------------------------------------------------------------------------------------------------------------
# windows that come late: a dance whose workers answer when the test says so

SLOW = """(() => {
    const news = [], dance = new report.Dance(report.data.model, report.data.latent, live.guide, () => {});
    dance.workers = dance.generated.map(() => ({postMessage() {}}));
    dance.ask();
    let clock = 0, asked = 0;
    const answer = () => dance.generated.forEach(({shape}, number) => {
        const window = Float32Array.from({length: shape.frames * shape.pose}, (_, i) => (i %% 4 ? 0 : 1));
        dance.receive(number, {window, milliseconds: %(took)s});
    });
    const now = performance.now;
    performance.now = () => clock;
    answer();
    const waits = [];
    for (let picture = 0; picture < 900; picture++) {
        clock += 1000 / 60;
        const before = dance.seconds, idle = !dance.waiting;
        dance.advance(1 / 60);
        if (idle && dance.waiting) asked = clock;
        if (dance.waiting && clock - asked >= %(took)s) answer();
        if (picture > 300) waits.push((dance.seconds - before) * 60);
    }
    performance.now = now;
    const mean = waits.reduce((a, b) => a + b) / waits.length;
    return {usual: dance.usual, rate: dance.rate, slowest: Math.min(...waits), mean};
})()"""


@pytest.mark.parametrize(
    ("took", "usual", "rate"),
    [(50, 16, 1), (200, 16, 1), (310, (16, 18), 1), (640, None, 0.5)],  # half a window of 32 frames takes 320 ms
)
def test_late_windows_begin_later_and_nothing_stops(took, usual, rate, page):
    pace = page.run(SLOW % {"took": took})
    if usual:
        assert np.min(usual) <= pace["usual"] <= np.max(usual)
    assert pace["rate"] == pytest.approx(rate, rel=0.08)
    assert pace["slowest"] > 0.9 * pace["rate"] * rate  # no picture at which the dance stands
    assert pace["mean"] == pytest.approx(rate, rel=0.1)


def test_a_code_that_stays_keeps_moving_and_is_decoded_once(page):
    """Its window begins again when half of it is over; what the pointer changes is decoded soon."""
    page.run("live.dance.hop = 8, 0")  # half a window is 16 frames
    page.click('[data-mode="hold"]')
    wait(page, "!live.guide.moves && live.dance.waiting === null")
    page.run("window.asked = 0, live.dance.workers.forEach((worker) => (worker.postMessage = () => asked++)), 0")
    start = page.run("live.dance.start")
    before = page.run("[...live.dance.generated[0].rotations]")
    wait(page, f"live.dance.start >= {start} + 48")
    asked, usual, passed = page.run(f"[asked, live.dance.usual, live.dance.start - {start}]")
    assert asked == 0
    assert 16 <= usual < 24
    assert passed >= 48
    assert page.run("[...live.dance.generated[0].rotations]") != before
    page.run("live.guide.slide(0, 0.5)")
    wait(page, "asked === 2")  # of both decoders


def test_the_page_says_how_fast_it_decodes(page):
    words = page.run("live.status.textContent")
    assert "A window of 32 frames takes " in words
    assert "report_model = False leaves it out" in words
    told = {}
    for name, change in {"late": "delay = 11", "slow": "took = [1300]"}.items():
        told[name] = page.run(f"(live.dance.{change}, live.pace())")
    assert "a new one begins every 27 frames instead of 16" in told["late"]
    assert "the dance plays at 0.2 × its speed" in told["slow"]


# ---------------------------------------------------------------------------------------------------------------------
# hands and eyes


def test_keys_lead_the_dance(page):
    page.run("live.map.svg.focus()")
    before = np.array(page.run("live.map.spot(...live.guide.placeOf(live.guide.base))"))
    page.send("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight")
    page.send("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", modifiers=8)
    after = np.array(page.run("live.map.spot(...live.map.led)"))
    np.testing.assert_allclose(after - before, [50, 0], atol=0.01)
    assert page.run("live.stage.playing") is True
    page.send("Input.dispatchKeyEvent", type="keyUp", key="ArrowRight")
    assert page.run("[live.map.led, live.guide.pointer]") == [None, False]
    assert page.run("live.stage.playing") is False  # less motion is wanted
    page.key(" ")
    assert page.run("live.stage.playing") is True
    page.key(" ")
    assert page.run("live.stage.playing") is False
    assert page.run("document.activeElement === live.map.svg")


def test_reduced_motion_plays_only_while_pressed(browser, path):
    for media, plays_on in ((QUIET, False), (MOVING, True)):
        open_page(browser, path, **media)
        ready(browser)
        assert browser.run("live.stage.playing") is False  # nothing dances before it is asked to
        x, y = on_map(browser)
        press(browser, x, y)
        assert browser.run("live.stage.playing") is True
        release(browser, x, y)
        assert browser.run("live.stage.playing") is plays_on


def test_fingers_lead_the_dance(browser, path):
    open_page(browser, path, 390, 844, True)
    ready(browser)
    x, y = on_map(browser)
    scrolled = browser.run("scrollY")
    browser.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    first = browser.run("live.map.led")
    for step in range(1, 5):
        browser.send(
            "Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x + 10 * step, "y": y + 15 * step}]
        )
    assert browser.run("live.map.led") != first
    assert browser.run("live.stage.playing") is True
    browser.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    wait(browser, "live.map.led === null")
    assert browser.run("scrollY") == scrolled  # the map is played, not pushed away
    assert browser.console == []


@pytest.mark.parametrize(
    ("width", "height", "mobile", "scheme"),
    [(1200, 800, False, "dark"), (390, 844, True, "light"), (320, 640, True, "dark")],
)
def test_sizes_and_schemes(width, height, mobile, scheme, browser, path):
    open_page(browser, path, width, height, mobile, prefers_color_scheme=scheme)
    ready(browser)
    browser.frames()
    assert browser.run("document.documentElement.scrollWidth") <= width
    boxes = browser.run(
        "['.live-map', '.live-views .view'].map((name) => (({x, y, width, height}) => [x, y, width, height])"
        "(document.querySelector(name).getBoundingClientRect()))"
    )
    if mobile:
        assert boxes[1][1] < boxes[0][1]  # the stage above the hand
        assert boxes[0][3] + boxes[1][3] < height  # both on one screen
    else:
        assert boxes[0][1] == boxes[1][1]
    picture = browser.picture(".live-views .view")
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    assert (np.median(picture.reshape(-1, 3), axis=0).sum() < 150) == (scheme == "dark")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("delete window.Worker", "runs no background computations (Web Workers)"),
        (
            "HTMLCanvasElement.prototype.getContext = ((get) => function (kind, ...more) {"
            " return kind === '2d' ? get.call(this, kind, ...more) : null; })(HTMLCanvasElement.prototype.getContext)",
            "shows no 3-D graphics (WebGL)",
        ),
    ],
)
def test_what_is_missing_is_said_and_the_rest_is_there(code, words, browser, path):
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", source=code)["identifier"]
    try:
        browser.open(path, **QUIET)
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    assert words in browser.run("document.getElementById('live-needs').textContent")
    assert browser.run("document.getElementById('live')") is None
    assert browser.run("document.querySelectorAll('.small-view').length") == 1  # the map of recorded windows
    assert browser.run("document.querySelectorAll('.problem').length") == 0


def test_a_failing_worker_is_reported(browser, path):
    code = "window.Worker = class { constructor() { throw new Error('not in this house'); } }"
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", source=code)["identifier"]
    try:
        browser.open(path, **QUIET)
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    browser.bring(".live-views")
    wait(browser, "live.dance.problem")
    assert browser.run("live.status.textContent") == "The decoder cannot run here: not in this house."
    assert browser.run("document.querySelectorAll('.problem').length") == 0


def test_a_translation_has_one_dancer(browser, tmp_path, takes):
    nets = live_page.make_nets(12, [1], LATENT, LENGTH, 1, 6, False, [5])
    open_page(browser, live_page.write(tmp_path, takes, nets, LENGTH))
    ready(browser)
    assert browser.run("live.stage.cast.map(({clip}) => clip.title)") == ["dancer 2, generated"]
    assert browser.run("live.saveButtons.map((button) => button.textContent)") == ["Save (BVH)"]
    headings = browser.run("[...document.querySelectorAll('h2')].map((heading) => heading.textContent)")
    assert headings[0] == "Dance through what was learnt"
    assert "What the model sees in the movement" not in headings
    assert report.FILE_NAME == "report.html"
