// What a user does with the stage: buttons, sliders, keys, the list of dancers, and the names over their heads.
"use strict";

{
  const { at, element } = report;
  const KEYS = [
    ["space", "play, pause"],
    [", .", "one frame back, on"],
    ["← →", "one second back, on"],
    ["↑ ↓", "faster, slower"],
    ["Home End", "to the start, the end"],
    ["1 – 9", "a dancer on or off stage"],
    ["S", "side by side, or on one floor"],
    ["P", "along the path, or in place"],
    ["T", "trails"],
    ["E", "error as colour"],
    ["L", "loop"],
    ["N", "names"],
    ["F", "camera follows the dancers"],
    ["R", "camera back to the front"],
  ];
  const MOUSE = "Drag to look around, drag with the right button or two fingers to move, wheel or pinch to come closer.";
  const NICE = [2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300];

  let stage, end;

  report.startStage = () => {
    stage = new report.Stage(at("canvas"), at("view"));
    window.stage = stage; // for tests, and for whoever opens the console
    end = largestError();
    makePresets();
    makeCast();
    stage.makeLabels(at("labels"));
    makeHelp();
    listen();
    stage.onState = showState;
    stage.onFrame = showFrame;
    report.onColours(showColours);
    choose(report.data.motion.presets[0]);
    if (!report.stillness.matches) stage.play(true);
  };

  // The end of the error ramp: a round number of cm that nearly all joints stay below.
  function largestError() {
    const errors = [];
    for (const clip of report.clips) {
      if (clip.compare < 0) continue;
      const [out, a, b] = [1, 3, 3].map((size) => new Float32Array(size * clip.jointCount));
      for (let i = 0; i < 40; i++) {
        report.errorsOf(clip, report.clips[clip.compare], (i / 40) * clip.seconds, out, a, b);
        errors.push(...out);
      }
    }
    errors.sort((a, b) => a - b);
    const most = errors[Math.floor(0.97 * errors.length)];
    return NICE.find((value) => value >= most) || (errors.length ? 300 : 0);
  }

  // ---- what is on stage

  function choose(preset) {
    stage.shown.fill(false);
    for (const number of preset.clips) stage.shown[number] = true;
    stage.options.beside = preset.beside;
    stage.options.inPlace = preset.in_place;
    const compared = preset.clips.some((number) => preset.clips.includes(report.clips[number].compare));
    stage.options.errors = compared ? end : 0;
    stage.arrange();
  }

  function makePresets() {
    for (const preset of report.data.motion.presets) {
      at("presets").append(
        element("button", { type: "button", onclick: () => choose(preset), "data-clips": preset.clips.join() }, preset.title),
      );
    }
  }

  function makeCast() {
    for (const clip of report.clips) {
      const box = element("input", { type: "checkbox", onchange: () => toggle(clip.number), "data-clip": clip.number });
      const swatch = element("span", { class: "swatch", "data-clip": clip.number });
      const words = element("span", {}, element("b", {}, clip.title), " ", element("small", {}, clip.about));
      const key = clip.number < 9 ? element("kbd", {}, String(clip.number + 1)) : null;
      at("cast").append(element("label", { title: clip.name }, box, swatch, words, key));
    }
  }

  function toggle(number) {
    if (number >= stage.shown.length) return;
    stage.shown[number] = !stage.shown[number];
    stage.arrange(stage.cast.length === 0);
  }

  // ---- what the page shows of the stage

  function pressed(selector, is) {
    for (const button of document.querySelectorAll(selector)) button.setAttribute("aria-pressed", String(is(button.dataset)));
  }

  function showState() {
    const { options, shown } = stage;
    at("play").textContent = stage.playing ? "Pause" : "Play";
    at("play").setAttribute("aria-label", stage.playing ? "Pause" : "Play");
    at("loop").checked = stage.loop;
    at("follow").checked = stage.follow;
    at("trails").value = options.trails;
    at("compare").checked = options.errors > 0;
    at("compare").disabled = end === 0;
    const speed = String(stage.speed);
    if (![...at("speed").options].some((option) => option.value === speed)) {
      at("speed").append(element("option", { value: speed }, `${report.number(stage.speed)} ×`));
    }
    at("speed").value = speed;
    at("scrub").max = Math.round(stage.seconds * stage.fps);
    pressed("[data-beside]", ({ beside }) => beside === String(options.beside));
    pressed("[data-in-place]", ({ inPlace }) => inPlace === String(options.inPlace));
    const cast = shown.flatMap((is, number) => (is ? [number] : []));
    pressed("[data-clips]", ({ clips }) => clips.split(",").map(Number).sort((a, b) => a - b).join() === cast.join());
    for (const box of at("cast").querySelectorAll("input")) box.checked = shown[Number(box.dataset.clip)];
    at("errors").hidden = !options.errors || !stage.cast.some((figure) => figure.clip.compare >= 0);
    showFrame();
  }

  function showFrame() {
    const frame = Math.round(stage.time * stage.fps), { min, max } = Math;
    at("scrub").value = frame;
    const text = `${stage.time.toFixed(2)} / ${stage.seconds.toFixed(2)} s · frame ${min(frame, max(stage.seconds * stage.fps, 0)).toFixed(0)}`;
    if (at("time").textContent !== text) at("time").textContent = text;
    stage.placeLabels(at("names").checked);
    if (!at("errors").hidden) showErrors();
  }

  function showErrors() {
    let sum = 0, count = 0;
    for (const { meanError } of stage.cast) {
      if (meanError === undefined) continue;
      sum += meanError;
      count++;
    }
    at("errors-now").textContent = count ? `now ${(sum / count).toFixed(1)} cm on average over all joints` : "";
  }

  function showColours() {
    const ramp = report.ramp();
    at("ramp").style.background = `linear-gradient(to right, ${ramp.join(", ")})`;
    at("ramp-middle").textContent = `${end / 2}`;
    at("ramp-end").textContent = `${end} cm`;
    for (const swatch of at("cast").querySelectorAll(".swatch")) {
      swatch.style.background = report.colourOf(report.clips[Number(swatch.dataset.clip)]);
    }
  }

  function makeHelp() {
    const rows = KEYS.map(([key, what]) => element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)), element("td", {}, what)));
    const close = element("button", { type: "button", onclick: () => showHelp(false) }, "Close");
    at("help").append(element("h3", {}, "Keys"), element("table", {}, element("tbody", {}, ...rows)), element("p", {}, MOUSE), close);
    at("help").append(element("p", {}, "Left limbs are the lighter ones."));
  }

  function showHelp(shown = at("help").hidden) {
    at("help").hidden = !shown;
    at("keys").setAttribute("aria-expanded", String(shown));
  }

  // ---- what users do

  function set(option, value) {
    stage.options[option] = value;
    stage.arrange(option !== "trails" && option !== "errors");
  }

  function setSpeed(speed) {
    stage.speed = speed;
    showState();
  }

  function nextSpeed(up) {
    const speeds = [0.1, 0.25, 0.5, 1, 1.5, 2];
    const next = up ? speeds.find((speed) => speed > stage.speed) : speeds.findLast((speed) => speed < stage.speed);
    if (next) setSpeed(next);
  }

  function nextTrails() {
    const kinds = ["", "hands", "feet", "hips", "all"];
    set("trails", kinds[(kinds.indexOf(stage.options.trails) + 1) % kinds.length]);
  }

  function setFollow(follow) {
    stage.follow = follow;
    stage.keepFollowed();
    showState();
    stage.invalidate();
  }

  function setNames(shown) {
    at("names").checked = shown;
    showFrame();
  }

  function setLoop(loop) {
    stage.loop = loop;
    showState();
  }

  const ACTIONS = {
    " ": () => stage.play(),
    ",": () => stage.step(-1),
    ".": () => stage.step(1),
    ArrowLeft: () => stage.seek(stage.time - 1),
    ArrowRight: () => stage.seek(stage.time + 1),
    ArrowUp: () => nextSpeed(true),
    ArrowDown: () => nextSpeed(false),
    Home: () => stage.seek(0),
    End: () => stage.seek(stage.seconds),
    s: () => set("beside", !stage.options.beside),
    p: () => set("inPlace", !stage.options.inPlace),
    t: nextTrails,
    e: () => set("errors", stage.options.errors ? 0 : end),
    l: () => setLoop(!stage.loop),
    n: () => setNames(!at("names").checked),
    f: () => setFollow(!stage.follow),
    r: () => stage.look("front"),
    "?": () => showHelp(),
    Escape: () => showHelp(false),
  };

  // Keys belong to the stage while it is used; a slider, a list or a button keeps those that it knows itself.
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const handled = { INPUT: target.type === "range" ? /^(Arrow|Home|End)/ : /^ $/, SELECT: /^(Arrow|Home|End| $|[a-z0-9]$)/, BUTTON: /^ $/, SUMMARY: /^ $/, A: /^$/ };
    if (handled[target.tagName]?.test(key)) return;
    if (!at("stage-section").contains(target) && (target !== document.body || stage.onScreen === false)) return;
    if (target === document.body && /^(Arrow|Home|End)/.test(key)) return; // these scroll the page
    if (/^[1-9]$/.test(key)) toggle(Number(key) - 1);
    else if (ACTIONS[key]) ACTIONS[key]();
    else return;
    event.preventDefault();
  }

  function listen() {
    const on = (id, kind, act) => at(id).addEventListener(kind, act);
    on("play", "click", () => stage.play());
    on("back", "click", () => stage.step(-1));
    on("forward", "click", () => stage.step(1));
    on("scrub", "input", () => stage.seek(Number(at("scrub").value) / stage.fps));
    on("speed", "change", () => setSpeed(Number(at("speed").value)));
    on("loop", "change", () => setLoop(at("loop").checked));
    on("trails", "change", () => set("trails", at("trails").value));
    on("compare", "change", () => set("errors", at("compare").checked ? end : 0));
    on("names", "change", () => setNames(at("names").checked));
    on("follow", "change", () => setFollow(at("follow").checked));
    on("keys", "click", () => showHelp());
    const onClick = (selector, act) =>
      document.querySelectorAll(selector).forEach((button) => button.addEventListener("click", () => act(button.dataset)));
    onClick("[data-beside]", ({ beside }) => set("beside", beside === "true"));
    onClick("[data-in-place]", ({ inPlace }) => set("inPlace", inPlace === "true"));
    onClick("[data-look]", ({ look }) => stage.look(look));
    document.addEventListener("keydown", onKey);
    stage.zoomWhileUsed();
    on("canvas", "webglcontextlost", (event) => event.preventDefault());
    on("canvas", "webglcontextrestored", () => stage.invalidate());
    if (document.fullscreenEnabled) {
      on("fullscreen", "click", () => (document.fullscreenElement ? document.exitFullscreen() : at("theatre").requestFullscreen()));
    } else at("fullscreen").hidden = true;
  }
}
