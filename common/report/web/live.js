// The live dance on the page: the map that leads it, the stage that it is danced on, and what a user does with both.
"use strict";

{
  const { element, drawing, list, object, isNumber } = report;
  const { latent, model } = report.data;
  const LONGEST = 300; // seconds of a recording
  const STEP = [10, 40]; // pixels that an arrow key moves the pointer, without and with shift
  const MODES = [
    ["recording", "As recorded", "the codes of the recording, one after the other"],
    ["walk", "Random walk", "each code a random step from the one before, as long as the recording's own"],
    ["hold", "Hold", "the code stays where it is"],
  ];

  // What the live dance lacks here, in a sentence; "" where it lacks nothing, null where the page has no model.
  report.liveNeeds = () => {
    if (!model || !latent?.count) return null;
    if (typeof Worker !== "function") return "The live dance is missing here: this browser runs no workers (Web Workers), in which the model computes.";
    if (!report.hasWebGL()) return "The live dance is missing here: this browser shows no 3-D graphics (WebGL).";
    return "";
  };

  class LiveStage extends report.Stage {
    constructor(canvas, view, dance) {
      super(canvas, view, dance.clips);
      this.dance = dance;
      this.options.beside = true;
      dance.generated.forEach((_, number) => (this.shown[number] = true));
    }

    advance(now) {
      const passed = this.before === undefined ? 0 : Math.min((now - this.before) / 1000, 0.1);
      this.before = now;
      this.dance.advance(passed);
      this.time = this.dance.seconds;
    }
  }

  report.live = () => {
    const needs = report.liveNeeds();
    if (needs === null) return null;
    if (needs) return element("p", { class: "aside", id: "live-needs" }, needs);
    const guide = new report.Guide(model, latent, object(report.data.config));
    const dance = new report.Dance(model, latent, guide, () => showNews());
    const map = new report.PointMap(latent, "Latent map. Arrow keys lead the dance over it, space plays and pauses.");
    const trail = drawing("polyline", { class: "path" }), ties = drawing("g", { class: "ties" });
    const code = drawing("circle", { class: "code", r: 6 }), marker = drawing("circle", { class: "marker", r: 11 });
    map.svg.append(trail, ties, code, marker);
    const hint = element("p", { class: "hint", "aria-hidden": "true" }, element("span", {}, "Press here and move"));
    const nearest = element("p", { class: "nearest" });
    const canvas = element("canvas", { tabindex: "0", "aria-label": "The live dance, in 3-D. Drag to look around." });
    const labels = element("div", { class: "labels", "aria-hidden": "true" });
    const view = element("div", { class: "view" }, canvas, labels);
    const status = element("p", { class: "aside", role: "status" });
    const several = dance.generated.length > 1;
    let stage, place = null, path = null, recording = null, replayed = null, led = false;

    // ---- buttons

    const button = (id, name, act, title) => element("button", { type: "button", id, onclick: act, title }, name);
    const play = button("live-play", "Play", () => setPlaying(!stage?.playing));
    play.classList.add("primary");
    const record = button("live-record", "Record", () => (recording ? stopRecording() : startRecording()), "Record the way of the pointer, and the dance");
    const replay = button("live-replay", "Play the path", () => startReplay(), "Lead the dance over the recorded path again");
    const saves = dance.generated.map(({ shape }, number) =>
      button(`live-save${number}`, several ? `Save dancer ${shape.dancer + 1} as BVH` : "Save as BVH", () => save(number), "The recorded dance as a motion file, in centimetres and in one place"));
    const time = element("output", { class: "numbers" });
    const modes = MODES.map(([mode, name, title]) => element("button", { type: "button", "data-mode": mode, title, onclick: () => setMode(mode) }, name));
    const check = (id, name, title, act) => element("label", { class: "inline", title }, element("input", { type: "checkbox", id, onchange: act }), name);

    function setPlaying(playing) {
      prepare();
      stage.play(playing);
      showState();
    }

    function setMode(mode) {
      guide.setMode(mode);
      setPlaying(true);
    }

    function showState() {
      play.textContent = stage?.playing ? "Pause" : "Play";
      record.textContent = recording ? "Stop recording" : "Record";
      record.setAttribute("aria-pressed", String(Boolean(recording)));
      replay.disabled = Boolean(recording) || !path?.events.length;
      for (const one of saves) one.disabled = Boolean(recording) || !path;
      for (const one of modes) one.setAttribute("aria-pressed", String(one.dataset.mode === guide.mode));
      map.svg.classList.toggle("recording", Boolean(recording));
    }

    // ---- the pointer

    // Lead from a place of the map, or, given null, let go.
    function lead(where) {
      place = where;
      if (where) guide.point(...where);
      else guide.release();
      recording?.path.add(dance.seconds - recording.from, where);
      drawLead();
    }

    function press(event) {
      if (event.button) return;
      replayed = null;
      hint.hidden = true;
      led = !stage?.playing;
      map.svg.setPointerCapture(event.pointerId);
      lead(map.place(...map.spotUnder(event)));
      setPlaying(true);
    }

    function letGo() {
      if (!place || replayed) return;
      lead(null);
      if (led && report.stillness.matches) setPlaying(false); // who wants little motion has it while they ask for it
    }

    function onKey(event) {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " ") setPlaying(!stage?.playing);
      else if (event.key === "Escape") letGo();
      else if (steps) {
        const [x, y] = map.spot(...(place || guide.placeOf(guide.base))), step = STEP[Number(event.shiftKey)];
        const inside = [x + step * steps[0], y + step * steps[1]].map((value, axis) => Math.min(Math.max(value, 0), [map.width, map.height][axis]));
        replayed = null;
        hint.hidden = true;
        if (!place) led = !stage?.playing;
        lead(map.place(...inside));
        setPlaying(true);
      } else return;
      event.preventDefault();
    }

    map.svg.addEventListener("pointerdown", press);
    map.svg.addEventListener("pointermove", (event) => {
      if (place && !replayed && map.svg.hasPointerCapture(event.pointerId)) lead(map.place(...map.spotUnder(event)));
    });
    for (const kind of ["pointerup", "pointercancel"]) map.svg.addEventListener(kind, letGo);
    map.svg.addEventListener("keydown", onKey);
    map.svg.addEventListener("keyup", (event) => event.key.startsWith("Arrow") && letGo());
    map.svg.addEventListener("blur", letGo);

    // ---- recording

    function startRecording() {
      setPlaying(true);
      replayed = null;
      recording = { path: new report.Path(), frames: dance.generated.map(() => []), from: dance.seconds };
      recording.path.add(0, place);
      showState();
    }

    function stopRecording() {
      recording.path.add(dance.seconds - recording.from, null);
      path = Object.assign(recording.path, { frames: recording.frames });
      recording = null;
      drawPath();
      showState();
    }

    dance.onFrame = () => {
      if (!recording) return;
      dance.generated.forEach(({ rotations, body }, number) =>
        recording.frames[number].push({ rotations: rotations.slice(), root: body.root.slice() }));
      if (recording.frames[0].length > LONGEST * dance.fps) stopRecording();
    };

    function startReplay() {
      setPlaying(true);
      replayed = { from: dance.seconds };
      showState();
    }

    function followPath() {
      const passed = dance.seconds - replayed.from, where = path.at(passed);
      if (passed > path.seconds) {
        replayed = null;
        lead(null);
      } else if (where ? !place || where.some((value, axis) => value !== place[axis]) : place) lead(where);
    }

    function save(number) {
      const { description, shape } = dance.generated[number];
      const text = report.bvh(description, path.frames[number], dance.fps);
      const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
      element("a", { href: address, download: `live_dancer${shape.dancer + 1}.bvh` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    }

    // ---- the sliders

    const sliders = guide.order.map((number, slider) => {
      const value = element("output", { class: "numbers" }, "0");
      const input = element("input", { type: "range", min: "-1", max: "1", step: "0.01", value: "0", id: `live-slider${slider}`, oninput: () => {
        guide.sliders[slider] = Number(input.value);
        value.textContent = `${guide.sliders[slider] > 0 ? "+" : ""}${guide.sliders[slider].toFixed(2).replace("-", "−")}`;
        setPlaying(true);
      } });
      return { input, label: element("label", {}, element("span", {}, `code ${number + 1}`, element("small", {}, `± ${guide.spread(number).toFixed(2)}`)), input, value) };
    });

    function reset() {
      for (const { input } of sliders) {
        input.value = "0";
        input.dispatchEvent(new Event("input"));
      }
    }

    // ---- drawing

    function drawLead() {
      marker.style.display = place ? "" : "none";
      ties.replaceChildren();
      if (!place) return;
      const [x, y] = map.spot(...place);
      marker.setAttribute("cx", x);
      marker.setAttribute("cy", y);
      ties.append(...guide.near.map(([point, weight]) => {
        const [a, b] = map.spotOf(point);
        return drawing("line", { x1: x, y1: y, x2: a, y2: b, "stroke-opacity": Math.min(0.15 + weight, 1).toFixed(2) });
      }));
    }

    function drawPath() {
      const events = (recording?.path || path)?.events || [];
      trail.setAttribute("points", events.filter((event) => event.place).map((event) => map.spot(...event.place).map((value) => value.toFixed(1)).join()).join(" "));
    }

    function drawCode() {
      code.style.display = dance.code ? "" : "none";
      if (!dance.code) return;
      const [x, y] = map.spot(...guide.placeOf(dance.code));
      code.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }

    map.onLay = () => {
      drawLead();
      drawPath();
      drawCode();
    };

    function onFrame() {
      if (replayed) followPath();
      if (recording) drawPath();
      const seconds = recording ? dance.seconds - recording.from : path ? path.seconds : 0;
      const text = recording || path ? `${seconds.toFixed(1)} s ${recording ? "recording" : "recorded"}` : "";
      if (time.textContent !== text) time.textContent = text;
      const shown = dance.recorded.clip, figure = stage.figures[shown.number];
      if (figure.label.textContent !== shown.title) {
        figure.label.textContent = shown.title;
        figure.recolour();
        figure.label.style.color = report.colourOf(shown);
      }
      stage.placeLabels(true);
    }

    // What the dance says of itself: once it knows, or has to say, something else.
    function showNews() {
      drawCode();
      if (isNumber(dance.point)) nearest.textContent = `Closest: ${report.windowName(latent, dance.point)}`;
      status.textContent = dance.problem || `${pace()} ${megabytes}`;
      stage?.invalidate();
    }

    function pace() {
      const { frames } = dance.generated[0].shape, hop = Math.round(dance.usual);
      const one = `A window of ${frames} frames takes ${Math.round(dance.milliseconds)} ms to decode here`;
      if (dance.rate < 1) return `${one}, so the dance plays at ${dance.rate.toFixed(1)} × its speed.`;
      return hop > dance.hop + 1 ? `${one}: a new one begins every ${hop} frames instead of ${dance.hop}, so the dance follows a little later.` : `${one}; a new one begins every ${dance.hop} frames.`;
    }

    let megabytes = "";

    // Set up stage and workers, when they are about to be seen or used.
    function prepare() {
      if (stage) return;
      stage = window.live.stage = new LiveStage(canvas, view, dance);
      stage.makeLabels(labels);
      stage.recolour();
      stage.zoomWhileUsed();
      stage.onFrame = onFrame;
      stage.arrange();
      const bytes = model.decoders.reduce((sum, _, number) => sum + report.at(`weights${number}`).textContent.length, 0);
      megabytes = `The model is ${(bytes / 1e6).toFixed(1)} MB of this page (report_model = False leaves it out).`;
      status.textContent = "The model is being unpacked …";
      try {
        dance.prepare();
      } catch (error) {
        dance.fail(error.message);
      }
    }

    let cover = null;
    new ResizeObserver(() => {
      if (stage && view.clientWidth && cover !== view.clientWidth) stage.look("front");
      cover = view.clientWidth;
    }).observe(view);
    const whenLoaded = (act) => (document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", act) : act());
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      whenLoaded(prepare);
    }, { rootMargin: "300px" }).observe(view);
    report.onColours(() => map.lay());
    window.live = { guide, dance, map, get path() { return path; } }; // for tests, and for whoever opens the console
    showState();

    const words = ["Press on the map and move: the model dances what lies under the pointer, a mix of the windows around it. ", ...report.mapWords(latent)];
    return element("div", { id: "live" },
      element("p", { class: "aside" }, ...words),
      report.mapKey(latent),
      element("div", { class: "theatre" },
        element("div", { class: "live-views" }, element("div", { class: "live-map" }, map.svg, hint, nearest), view),
        element("div", { class: "transport" }, element("div", { class: "buttons" }, play), record, replay, ...saves, time),
        element("div", { class: "options" },
          element("span", { class: "faint" }, "Without the pointer"),
          element("div", { class: "switch", role: "group", "aria-label": "Without the pointer" }, ...modes),
          check("live-sine", "Sine", "the whole code swings to and fro", (event) => {
            guide.setSine(event.target.checked);
            setPlaying(true);
          }),
          check("live-recorded", "Recorded dancer beside", "the window that the code is closest to, as it was recorded", (event) => {
            prepare();
            stage.shown[dance.recorded.clip.number] = event.target.checked;
            stage.arrange();
          }),
          check("live-trails", "Trails", "where the hands have been", (event) => {
            prepare();
            stage.options.trails = event.target.checked ? "hands" : "";
            stage.invalidate();
          })),
        element("fieldset", { class: "sliders" }, element("legend", {}, `The ${sliders.length} numbers of the code that vary most in the recording (± says how much): each is moved around where it is.`),
          ...sliders.map(({ label }) => label), element("button", { type: "button", id: "live-reset", onclick: reset }, "All to 0"))),
      status);
  };
}
