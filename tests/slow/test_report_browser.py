"""The report in a real browser: headless Chromium opens it from disk, with the network off. Skips where there is none.

Shapes: T frames, J joints; pictures (H, W, 3).
"""

import json
import time

from common import report
from common.dataset import Clip
from common.dataset.clip import OTHER
from helpers import plain_bvh
from helpers.project import TINY, run_here, write_body
from helpers.report_page import Page
from helpers.strange_names import NAMES, take_of

import numpy as np
import pytest

ORIG1, ORIG2, AGAIN1, ONE_AS_TWO = 0, 1, 2, 3  # clips of the deepfake


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The results folder of a tiny run of the deepfake, with measures as a run of some length has them, and without the
    model, as it is with report_model = False."""
    folder = tmp_path_factory.mktemp("run")
    write_body(folder / "one.bvh")
    write_body(folder / "two.bvh", phase=0.7)
    files = {"mocap_file_path": str(folder), "mocap_files": [["one.bvh", "two.bvh"]]}
    with pytest.MonkeyPatch.context() as patch:
        settings = TINY | files | {"results_path": str(folder / "results")}
        assert run_here("vae_rnn_deepfake", settings, patch) == 0
    results = folder / "results"
    (results / "histories/metrics_2.json").write_text(json.dumps(METRICS))
    for path in (results / "histories").glob("model_*.npz"):
        path.unlink()
    report.save(results)
    return results


METRICS = {
    "epoch": 2,
    "held_out_seconds": 0.4,
    "rows": [
        {
            "conversion": "dancer 1 to dancer 2",
            "joints": {"moving": 9, "all": 12},
            "figures": [
                {
                    "name": "rotation",
                    "unit": "°",
                    "lower_is_better": True,
                    "model": 9.123,
                    "baselines": {"mean pose": 24},
                },
                {"name": "jitter", "unit": "cm/s²", "model": 310, "baselines": {}, "recording": 280},
            ],
            "per_joint": {"Head": {"degrees": 8, "centimetres": 5, "moving": True}, "Hips": {"degrees": None}},
        }
    ],
    "duet": {"seconds": [0, 1], "recorded": {"distance": [1, 2], "facing": [3, 4]}, "generated": {}},
    "summary": ["Off by 9.1°."],
    "advice": ["Record more."],
}


QUIET = {"prefers_reduced_motion": "reduce"}  # nothing plays before it is told to


@pytest.fixture(scope="module")
def stage(browser, run):
    """The browser with the page open."""
    browser.open(run / "report.html", **QUIET)
    return browser


@pytest.fixture
def opened(stage, run):
    """The page as it was when it was opened, and nothing to complain about after a test."""
    if stage.run("location.href") != (run / "report.html").as_uri():
        stage.open(run / "report.html", **QUIET)
    stage.run(RESET)
    yield stage
    assert stage.console == []
    assert [url for url in stage.requests if not url.startswith("data:")] == [(run / "report.html").as_uri()]
    assert stage.run("document.querySelectorAll('.problem').length") == 0


RESET = """
    scrollTo(0, 0);
    document.activeElement.blur();
    Object.assign(stage, {loop: true, follow: false, speed: 1});
    stage.options.trails = '';
    document.getElementById('names').checked = true;
    document.querySelector('#presets button').click();
    stage.play(false);
    stage.seek(0);
"""


def choose(browser, name, value, event="change"):
    """Give a slider or a list another value, as a user does."""
    control = f"document.getElementById('{name}')"
    browser.run(f"{control}.value = '{value}', {control}.dispatchEvent(new Event('{event}'))")


def recorded(run, number):
    """Positions (T, J, 3) of an exported clip in metres over the floor, read by another reader than ours."""
    data = Page(run / "report.html").data
    clip = data["motion"]["clips"][number]
    _, positions = plain_bvh.joint_positions((run / "anims" / f"{clip['name']}.bvh").read_text())
    return (positions - (0, clip["floor"], 0)) / 100


def time_of(browser):
    return browser.run("stage.time")


def shown(browser):
    return browser.run("stage.shown.flatMap((is, number) => is ? [number] : [])")


def test_the_stage_draws_and_plays(opened):
    opened.frames()
    first = opened.picture("#canvas")
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 200
    opened.frames()
    assert (opened.picture("#canvas") == first).all()  # while it stands still
    opened.click("#play")
    start, before = time.perf_counter(), time_of(opened)
    opened.frames(12)
    opened.click("#play")
    assert 0 < time_of(opened) - before < 1.5 * (time.perf_counter() - start)
    assert (opened.picture("#canvas") != first).any(axis=-1).mean() > 0.002


def test_joints_stand_where_the_exported_file_has_them(opened, run):
    """In the room, and in the picture, where a dancer of that colour is to be seen."""
    opened.run("document.getElementById('names').click()")
    for number in (ORIG1, ORIG2, ONE_AS_TWO):
        positions = recorded(run, number)
        opened.run(f"stage.shown.fill(false), stage.shown[{number}] = true, stage.options.errors = 0, stage.arrange()")
        for frame in (0, 17, 39):
            spots, worlds = (np.array(places) for places in opened.run(WHERE % {"clip": number, "frame": frame}))
            np.testing.assert_allclose(worlds, positions[frame], atol=1e-4)
            matrices = opened.run("[stage.camera.projectionMatrix.elements, stage.camera.matrixWorldInverse.elements]")
            project, view = (np.array(matrix).reshape(4, 4).T for matrix in matrices)
            clip_space = np.c_[positions[frame], np.ones(len(spots))] @ (project @ view).T
            size = opened.run("[stage.view.clientWidth, stage.view.clientHeight]")
            expected = (clip_space[:, :2] / clip_space[:, 3:] * (1, -1) + 1) / 2 * size
            np.testing.assert_allclose(spots, expected, atol=0.05)
        opened.frames()
        picture = opened.picture("#canvas")
        red, green, blue = picture[round(spots[0][1]), round(spots[0][0])]  # where the hips are
        assert {ORIG1: blue - red, ORIG2: red - blue, ONE_AS_TWO: green - red}[number] > 20
    opened.run("document.getElementById('names').click()")


WHERE = """[[...stage.figures[%(clip)s].errors.keys()].map((joint) => stage.project(%(clip)s, %(frame)s, joint)),
            [...stage.figures[%(clip)s].errors.keys()].map((joint) => stage.world(%(clip)s, joint))]"""


def test_between_two_frames_the_dancer_is_between_them(opened, run):
    positions = recorded(run, ORIG1)
    opened.run("stage.seek(10.75 / 50), stage.draw(0)")
    np.testing.assert_allclose(
        opened.run("stage.world(0, 3)"), 0.25 * positions[10, 3] + 0.75 * positions[11, 3], atol=1e-4
    )


def test_buttons_and_sliders(opened):
    opened.click("#forward")
    opened.click("#forward")
    assert time_of(opened) == pytest.approx(2 / 50)
    opened.click("#back")
    assert time_of(opened) == pytest.approx(1 / 50)
    assert opened.run("document.getElementById('time').textContent") == "0.02 / 0.78 s · frame 1"
    choose(opened, "scrub", 20, "input")
    assert time_of(opened) == pytest.approx(0.4)
    choose(opened, "speed", "0.25")
    assert opened.run("stage.speed") == 0.25
    for box, state in (("loop", "stage.loop"), ("follow", "stage.follow"), ("compare", "stage.options.errors > 0")):
        before = opened.run(state)
        opened.click(f"#{box}")
        assert opened.run(state) is not before, box
    opened.click('[data-beside="true"]')
    opened.click('[data-in-place="true"]')
    assert opened.run("[stage.options.beside, stage.options.inPlace]") == [True, True]
    assert opened.run("document.querySelector('[data-beside=\"true\"]').getAttribute('aria-pressed')") == "true"
    opened.click('#cast input[data-clip="5"]')
    assert shown(opened) == [0, 1, 5]
    opened.click("#presets button:nth-child(2)")
    assert shown(opened) == [ORIG1, ONE_AS_TWO]
    assert opened.run("document.querySelector('#presets [aria-pressed=\"true\"]').textContent").startswith(
        "Dancer 1 as dancer 2"
    )


def test_speed_and_loop_rule_the_clock(opened):
    opened.run("stage.seek(0.7); stage.loop = false; stage.speed = 2; stage.play(true)")
    end = time.monotonic() + 10
    while opened.run("stage.playing") and time.monotonic() < end:
        opened.frames()
    assert time_of(opened) == pytest.approx(0.78)  # it stops at the end
    opened.run("stage.loop = true; stage.play(true); stage.seek(0.779)")
    opened.frames(4)
    assert opened.run("stage.playing")
    assert time_of(opened) < 0.77
    fast, slow = (opened.run(CLOCK % speed) for speed in (1, 0.1))
    assert fast == pytest.approx(0.1)
    assert slow == pytest.approx(0.01)


CLOCK = "stage.speed = %s, stage.seek(0), stage.before = 1000, stage.advance(1100), stage.time"  # after 0.1 s


def test_keys(opened):
    opened.run("document.getElementById('canvas').focus()")
    changes = {
        " ": "stage.playing",
        ".": "stage.time",
        ",": "stage.time",
        "ArrowRight": "stage.time",
        "ArrowLeft": "stage.time",
        "ArrowUp": "stage.speed",
        "ArrowDown": "stage.speed",
        "End": "stage.time",
        "Home": "stage.time",
        "s": "stage.options.beside",
        "p": "stage.options.inPlace",
        "t": "stage.options.trails",
        "e": "stage.options.errors",
        "l": "stage.loop",
        "n": "document.getElementById('names').checked",
        "f": "stage.follow",
        "3": "stage.shown[2]",
        "?": "document.getElementById('help').hidden",
        "Escape": "document.getElementById('help').hidden",
    }
    for key, state in changes.items():
        before = opened.run(state)
        opened.key(key)
        assert opened.run(state) != before, key
        if key == " ":
            opened.key(key)
    opened.run("stage.look('above')")
    before = opened.run("stage.camera.position.toArray()")
    opened.key("r")
    assert opened.run("stage.camera.position.toArray()") != before
    opened.run("document.getElementById('speed').focus()")
    opened.key("9")  # the list's own key
    assert opened.run("document.activeElement.id") == "speed"


def test_the_camera_turns_moves_and_comes_closer(opened):
    place, target = "stage.camera.position.toArray()", "stage.controls.target.toArray()"
    distance = "stage.camera.position.distanceTo(stage.controls.target)"
    start, far = opened.run(place), opened.run(distance)
    opened.wheel("#canvas", -200)
    opened.frames()
    assert opened.run(distance) == far  # the wheel is the page's until the stage is used
    opened.drag("#canvas", 120, 30)
    assert opened.run(place) != start
    assert opened.run(distance) == pytest.approx(far)
    opened.wheel("#canvas", -200)
    opened.frames()
    assert opened.run(distance) < far
    before = opened.run(target)
    opened.drag("#canvas", 60, 0, "right")
    assert opened.run(target) != before
    for button in ("side", "above", "front"):
        before = opened.run(place)
        opened.click(f'[data-look="{button}"]')
        assert opened.run(place) != before
    x, y, z = opened.run(place)
    assert z > abs(x)
    assert y > 0


def test_where_they_stand(opened, run):
    """Side by side they keep apart; in place nobody travels; together they stand as in the file."""
    first, second = recorded(run, ORIG1), recorded(run, ORIG2)
    hips = "[stage.world(0, 0), stage.world(1, 0)]"

    def at(frame, beside, in_place):
        opened.run(f"Object.assign(stage.options, {{beside: {beside}, inPlace: {in_place}}}), stage.arrange()")
        opened.run(f"stage.seek({frame} / 50), stage.draw(0)")
        return np.array(opened.run(hips))

    np.testing.assert_allclose(at(30, "false", "false"), [first[30, 0], second[30, 0]], atol=1e-4)
    still = at(30, "false", "true")
    np.testing.assert_allclose(
        still[:, [0, 2]], [first[:, 0, [0, 2]].mean(axis=0), second[:, 0, [0, 2]].mean(axis=0)], atol=1e-3
    )
    np.testing.assert_allclose(still[:, 1], [first[30, 0, 1], second[30, 0, 1]], atol=1e-4)
    apart = at(30, "true", "true")
    assert apart[1, 0] - apart[0, 0] > 1
    moving = [at(frame, "true", "false") for frame in (0, 30)]
    np.testing.assert_allclose(moving[1][0] - moving[0][0], first[30, 0] - first[0, 0], atol=1e-4)


def test_the_error_of_a_joint_is_its_distance_from_the_recording(opened, run):
    opened.run("document.querySelectorAll('#presets button')[5].click(), stage.play(false), stage.project(2, 20, 0)")
    assert shown(opened) == [ORIG1, AGAIN1]
    made, meant = recorded(run, AGAIN1)[20], recorded(run, ORIG1)[20]
    expected = 100 * np.linalg.norm((made - made[0]) - (meant - meant[0]), axis=-1)
    np.testing.assert_allclose(opened.run("[...stage.figures[2].errors]"), expected, atol=0.03)
    assert not opened.run("document.getElementById('errors').hidden")
    assert f"now {expected.mean():.1f} cm" in opened.run("document.getElementById('errors').textContent")
    colours = np.array(opened.run("[...stage.figures[2].balls.instanceColor.array]")).reshape(-1, 3)
    worst, best = expected.argmax(), expected.argmin()
    assert colours[best].sum() > colours[worst].sum() + 0.3  # darker, on a light page
    opened.run("document.getElementById('compare').click()")
    opened.frames()
    plain = np.array(opened.run("[...stage.figures[2].balls.instanceColor.array]")).reshape(-1, 3)
    assert len(np.unique(plain.round(4), axis=0)) == 2  # its own colour, and that of left limbs


def test_trails_and_names(opened):
    opened.run("stage.seek(0.5), stage.draw(0)")
    before = opened.picture("#view")
    choose(opened, "trails", "hands")
    opened.frames()
    assert (opened.picture("#view") != before).any(axis=-1).sum() > 300
    labels = opened.run(
        "[...document.querySelectorAll('#labels span:not([hidden])')].map((label) => label.textContent)"
    )
    assert labels == ["Dancer 1", "Dancer 2"]


def test_curves_tell_their_values(opened):
    opened.bring(".plot")
    box = opened.run("(b => [b.x + 50, b.y + 100])(document.querySelector('.plot svg').getBoundingClientRect())")
    opened.mouse("mouseMoved", *box)
    told = opened.run("document.querySelector('.plot .tip').innerText")
    value = opened.run("report.withUnit(report.data.history.columns['ae train'][0], '')")
    assert told.startswith("epoch 1\n")
    assert f"training{value}" in told.replace("\n", "").replace(" ", "")
    paths = "document.querySelectorAll('.plot')[0].querySelectorAll('path').length"
    before = opened.run(paths)
    opened.click(".plot .legend button")
    assert opened.run(paths) == before - 1


def test_figures_and_words(opened):
    text = opened.run("document.body.innerText")
    for words in (
        "Off by 9.1°.",
        "Record more.",
        "9.1°",
        "24.0°",
        "better",
        "280\u00a0cm/s²",
        "one.bvh and two.bvh",
        "three.js r187",
    ):
        assert words in text, words
    headings = opened.run("[...document.querySelectorAll('h2')].map((heading) => heading.textContent)")
    assert headings == [
        *("How good it is", "How it learnt", "The couple", "Joint by joint, on what is held out"),
        *("What the model sees in the movement", "Settings", "Files"),
    ]
    links = opened.run("[...document.querySelectorAll('a')].map((link) => link.getAttribute('href'))")
    assert "./histories/history_2.csv" in links


def test_a_point_of_the_map_plays_its_window(opened):
    assert len(np.unique(opened.picture(".small-view").reshape(-1, 3), axis=0)) > 10  # the first one, standing
    opened.media(prefers_reduced_motion="no-preference")
    opened.bring(".map")
    spot = (
        "(n => (b => [b.x + b.width / 2, b.y + b.height / 2])"
        "(document.querySelectorAll('.map g circle')[n].getBoundingClientRect()))(%d)"
    )
    told = []
    for point in (0, 25):
        x, y = opened.run(spot % point)
        for kind in ("mousePressed", "mouseReleased"):
            opened.mouse(kind, x, y, "left", clickCount=1)
        told.append(opened.run("document.querySelector('.map-and-view .aside').textContent"))
    assert told[0] != told[1]
    assert all(" frames " in text and ".bvh" in text for text in told)
    opened.bring(".small-view")
    first = opened.picture(".small-view")
    end = time.monotonic() + 10
    while (opened.picture(".small-view") == first).all():
        assert time.monotonic() < end, "the window does not play"
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 10
    opened.media(**QUIET)


@pytest.mark.parametrize(
    ("width", "height", "mobile", "scheme"),
    [(1200, 600, False, "dark"), (390, 844, True, "light"), (320, 640, True, "dark")],
)
def test_sizes_and_schemes(width, height, mobile, scheme, browser, run):
    browser.open(run / "report.html", width, height, mobile, prefers_color_scheme=scheme, **QUIET)
    browser.frames()
    assert browser.run("document.documentElement.scrollWidth") <= width  # nothing to scroll sideways for
    paper = browser.picture()[4, 4].sum()
    back = np.median(browser.picture("#canvas").reshape(-1, 3), axis=0).sum()
    assert (paper < 150, back < 150) == ((True, True) if scheme == "dark" else (False, False))
    assert browser.console == []


def test_pinching_zooms(browser, run):
    browser.open(run / "report.html", 390, 500, True, **QUIET)
    x, y = browser.middle("#canvas")
    distance = "stage.camera.position.distanceTo(stage.controls.target)"
    far = browser.run(distance)

    def touch(kind, *reach):
        points = [{"x": x + side * r, "y": y, "id": i} for r in reach for i, side in enumerate((-1, 1))]
        browser.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    touch("touchStart", 20)
    for reach in (30, 45, 60):
        touch("touchMove", reach)
    touch("touchEnd")
    browser.frames()
    assert browser.run(distance) < 0.8 * far


def test_reduced_motion_stops_the_playback(browser, run):
    browser.open(run / "report.html", prefers_reduced_motion="reduce")
    assert browser.run("stage.playing") is False
    browser.open(run / "report.html", prefers_reduced_motion="no-preference")
    assert browser.run("stage.playing") is True
    assert browser.run("stage.controls.enableZoom") is False  # before anybody has touched the stage


def test_without_webgl_the_rest_of_the_page_is_there(browser, run):
    code = "HTMLCanvasElement.prototype.getContext = () => null"
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", source=code)["identifier"]
    try:
        browser.open(run / "report.html")
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    assert "shows no 3-D graphics" in browser.run("document.getElementById('no-stage').innerText")
    assert browser.run("document.getElementById('theatre').offsetHeight") == 0
    assert browser.run("document.querySelectorAll('.plot').length") >= 2


def test_hostile_names_do_nothing(browser, tmp_path):
    names = ["</script><script>window.hit=1</script>", "<img src=x onerror=window.hit=1>", "x" * 10_000, "\u202ea\0b"]
    (tmp_path / "anims").mkdir()
    (tmp_path / "anims" / "<img src=x onerror=window.hit=1>.gif").write_bytes(b"")
    (tmp_path / "histories").mkdir()
    words = {key: names for key in ("summary", "advice")}
    figures = [{"name": name, "unit": name, "model": 1.0, "baselines": {name: 2.0, "__proto__": 3}} for name in names]
    rows = [{"conversion": name, "figures": figures, "per_joint": {name: {"degrees": 1.0}}} for name in names]
    odd = [None, 3, "x", {"figures": 7}, {"figures": [None, 3]}, {"per_joint": [1]}]
    (tmp_path / "histories/metrics_1.json").write_text(
        json.dumps(words | {"rows": rows + odd, "duet": {"seconds": "x"}})
    )
    (tmp_path / "histories/history_1.csv").write_text('"<img src=x onerror=window.hit=1>",ae train\nnan,nan\n1,2\n')
    take = take_of(NAMES)
    browser.open(report.save(tmp_path, clips=[Clip(name, take, OTHER, 0, 0) for name in names]), 390, 844, True)
    browser.frames()
    assert browser.run("window.hit === undefined")
    assert browser.console == []
    assert len(browser.requests) == 1
    assert browser.run("document.querySelectorAll('.problem').length") == 0
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("document.querySelectorAll('#cast label').length") == 4


@pytest.mark.parametrize("left", ["nothing", "history"])
def test_a_page_of_little(left, browser, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    if left == "history":
        (tmp_path / "histories").mkdir()
        (tmp_path / "histories/history_1.csv").write_text("ae train,ae test,held out degrees\n1,nan,3\n")
    browser.open(report.save(tmp_path))
    assert browser.console == []
    assert "no motion file was found" in browser.run("document.getElementById('no-stage').innerText")
    assert browser.run("document.querySelectorAll('.plot').length") == (2 if left == "history" else 0)
    assert browser.run("document.querySelectorAll('.problem').length") == 0


def test_a_frame_of_four_dancers_is_soon_computed(browser, tmp_path):
    """All that a frame needs but the drawing, which is the graphics card's: far below the 16 ms there are."""
    take = take_of([f"joint {number}" for number in range(57)], 200)
    browser.open(report.save(tmp_path, clips=[Clip(f"clip {n}", take, OTHER, 0, 0) for n in range(4)]), **QUIET)
    browser.run("stage.options.trails = 'all'")
    assert browser.run("stage.cast.length") == 4
    assert min(browser.run(HUNDRED_FRAMES) for _ in range(3)) < 8


HUNDRED_FRAMES = """(() => {
    const start = performance.now();
    for (let i = 0; i < 100; i++) {
        for (const figure of stage.figures) figure.update(i / 60, stage.options, stage.camera.position);
    }
    return (performance.now() - start) / 100;
})()"""
