// The live dance on the page: the map that leads it, the stage that it is danced on, and what a user does with both.
"use strict";

{
  const { element, at, object, isNumber } = report;
  const { latent, model } = report.data;
  const LONGEST = 300; // seconds of a recorded dance
  const SLOWEST = 0.25; // seconds between two pictures; a page that was hidden goes on where it was
  const MODES = {
    recording: ["As recorded", "the codes of the recording go on from there, one after the other"],
    walk: ["Random walk", "each code is a random step from the one before, as long as the recording's own"],
    hold: ["Hold", "the code stays where it is"],
  };
  const WORDS = {
    map: "Press on the map and move: the model dances what lies under the pointer, a mix of the windows around it.",
    decoders: " The same code goes through both decoders: it is danced as dancer 1 and as dancer 2.",
    record: "Record keeps the pointer's path and the dance: play the path again, or save the dance as a motion file.",
    sliders: "numbers of a code that vary most in the recording, and by how much (±); a slider moves one up or down.",
    needs: "The map below shows the recorded windows.",
  };

  // What the live dance lacks here, in a sentence; "" where it lacks nothing, null where the page has no model.
  report.liveNeeds = () => {
    if (!model || !latent?.count) return null;
    const [missing, name] = typeof Worker !== "function" ? ["runs no background computations", "Web Workers"]
      : report.hasWebGL() ? ["", ""] : ["shows no 3-D graphics", "WebGL"];
    return missing && `The model cannot dance here: this browser ${missing} (${name}). ${WORDS.needs}`;
  };

  report.live = () => {
    const needs = report.liveNeeds();
    if (needs === null) return null;
    return needs ? element("p", { class: "aside", id: "live-needs" }, needs) : new Live().section();
  };

  const stageOf = (dance, canvas, view) => new (class extends report.Stage {
    advance(now) {
      dance.advance(this.before === undefined ? 0 : Math.min((now - this.before) / 1000, SLOWEST));
      this.before = now;
      this.time = dance.seconds;
    }
  })(canvas, view, dance.clips);

  class Live {
    constructor() {
      window.live = this; // for tests, and for whoever opens the console
      this.guide = new report.Guide(model, latent, object(report.data.config));
      this.dance = new report.Dance(model, latent, this.guide, () => this.showNews());
      this.dance.onFrame = () => this.keepFrame();
      this.several = this.dance.generated.length > 1;
      this.map = new report.LeadMap(latent, this.guide, (place) => this.lead(place));
      this.map.onSpace = () => this.play(!this.stage?.playing);
      this.recording = this.replayed = this.path = null;
      report.onColours(() => this.map.lay());
    }

    // ---- the parts of the section

    section() {
      this.hint = element("p", { class: "hint", "aria-hidden": "true" }, element("span", {}, "Press here and move"));
      this.nearest = element("span", {});
      this.canvas = element("canvas", { tabindex: "0", "aria-label": "The live dance, in 3-D. Drag to look around." });
      this.labels = element("div", { class: "labels", "aria-hidden": "true" });
      this.view = element("div", { class: "view" }, this.canvas, this.labels);
      this.status = element("p", { class: "aside", id: "live-status" });
      this.watch();
      const nearest = element("p", { class: "nearest" }, this.nearest);
      const map = element("div", { class: "live-map" }, this.map.svg, this.hint, nearest);
      const section = element("div", { id: "live" },
        element("p", { class: "aside" }, WORDS.map, this.several ? WORDS.decoders : null),
        report.mapKey(latent),
        element("div", { class: "theatre" },
          element("div", { class: "live-views" }, map, this.view),
          this.transport(), this.options(), this.sliders()),
        element("p", { class: "aside" }, ...report.mapWords(latent)), this.status);
      this.showState();
      return section;
    }

    transport() {
      const button = (id, name, act) => element("button", { type: "button", id: `live-${id}`, onclick: act }, name);
      this.playButton = button("play", "Play", () => this.play(!this.stage?.playing));
      this.playButton.classList.add("primary");
      this.recordButton = button("record", "Record", () => (this.recording ? this.stopRecording() : this.record()));
      this.replayButton = button("replay", "Play the path", () => this.replay());
      this.saveButtons = this.dance.generated.map(({ shape }, number) => {
        const name = this.several ? `Save dancer ${shape.dancer + 1} (BVH)` : "Save (BVH)";
        return button(`save${number}`, name, () => this.save(number));
      });
      this.clock = element("output", { class: "numbers" });
      return element("div", { class: "transport" }, element("div", { class: "buttons" }, this.playButton),
        this.recordButton, this.replayButton, ...this.saveButtons, this.clock,
        element("small", { class: "words" }, WORDS.record));
    }

    options() {
      const check = (id, name, act) => element("label", { class: "inline" },
        element("input", { type: "checkbox", id: `live-${id}`, onchange: (event) => act(event.target.checked) }), name);
      this.modeButtons = Object.entries(MODES).map(([mode, [name]]) =>
        element("button", { type: "button", "data-mode": mode, onclick: () => this.setMode(mode) }, name));
      this.modeWords = element("small", { class: "words" });
      return element("div", { class: "options" },
        element("span", { class: "faint" }, "When you let go"),
        element("div", { class: "switch", role: "group", "aria-label": "When you let go" }, ...this.modeButtons),
        check("sine", "Swing the whole code (sine)", (on) => {
          this.guide.setSine(on);
          this.play(true);
        }),
        check("recorded", "Recorded dancer beside", (on) => {
          this.prepare();
          this.stage.shown[this.dance.recorded.clip.number] = on;
          this.stage.arrange();
        }),
        check("trails", "Trails of the hands", (on) => {
          this.prepare();
          this.stage.options.trails = on ? "hands" : "";
          this.stage.invalidate();
        }),
        this.modeWords);
    }

    sliders() {
      const range = { type: "range", min: "-1", max: "1", step: "0.01", value: "0" };
      this.inputs = this.guide.order.map((_, slider) =>
        element("input", { ...range, id: `live-slider${slider}`, oninput: () => this.slide(slider) }));
      this.values = this.inputs.map(() => element("output", { class: "numbers" }, "0"));
      const labels = this.guide.order.map((number, slider) => element("label", {},
        element("span", {}, `number ${number + 1}`, element("small", {}, `± ${this.guide.spread(number).toFixed(2)}`)),
        this.inputs[slider], this.values[slider]));
      const press = { type: "button", id: "live-reset", onclick: () => this.resetSliders() };
      const reset = element("button", press, "All to 0");
      const legend = element("legend", {}, `The ${labels.length} ${WORDS.sliders}`, reset);
      return element("fieldset", { class: "sliders" }, legend, ...labels);
    }

    resetSliders() {
      this.inputs.forEach((input, slider) => {
        input.value = "0";
        this.slide(slider);
      });
    }

    slide(slider) {
      const value = Number(this.inputs[slider].value);
      this.guide.slide(slider, value);
      this.values[slider].textContent = value ? `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}` : "0";
      this.play(true);
    }

    // ---- setting up

    // Stage and workers are there once they are about to be seen or used.
    prepare() {
      if (this.stage) return;
      const { dance } = this;
      this.stage = stageOf(dance, this.canvas, this.view);
      dance.generated.forEach((_, number) => (this.stage.shown[number] = true));
      this.stage.options.beside = true;
      this.stage.makeLabels(this.labels);
      this.stage.recolour();
      this.stage.zoomWhileUsed();
      this.stage.onFrame = () => this.showFrame();
      this.stage.arrange();
      const bytes = model.decoders.reduce((sum, _, number) => sum + at(`weights${number}`).textContent.length, 0);
      const megabytes = (bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1);
      this.size = `The model is ${megabytes} MB of this page (report_model = False leaves it out).`;
      this.status.textContent = `The model is being unpacked. ${this.size}`;
      try {
        dance.prepare();
      } catch (error) {
        dance.fail(error.message);
      }
    }

    watch() {
      let width = 0;
      new ResizeObserver(() => {
        if (this.stage && this.view.clientWidth !== width) this.stage.look("front");
        width = this.view.clientWidth;
      }).observe(this.view);
      new IntersectionObserver((entries, observer) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        if (document.readyState !== "loading") this.prepare();
        else document.addEventListener("DOMContentLoaded", () => this.prepare()); // the weights come last in the page
      }, { rootMargin: "300px" }).observe(this.view);
    }

    // ---- leading

    play(playing) {
      this.prepare();
      if (this.stage.playing !== playing) this.stage.play(playing);
      this.showState();
    }

    setMode(mode) {
      this.guide.setMode(mode);
      this.play(true);
    }

    // The user leads from a place of the map, or, given null, lets go.
    lead(place) {
      if (!place && (this.replayed || !this.map.led)) return;
      this.replayed = null;
      this.hint.hidden = true;
      if (place && !this.map.led) this.woken = !this.stage?.playing;
      this.follow(place);
      if (place) this.play(true);
      else if (this.woken && report.stillness.matches && !this.recording) this.play(false); // no more is asked for
    }

    follow(place) {
      if (place) this.guide.point(...place);
      else this.guide.release();
      this.recording?.path.add(this.dance.seconds - this.recording.from, place);
      this.map.showLead(place);
    }

    // ---- recording

    record() {
      this.play(true);
      this.replayed = null;
      const frames = this.dance.generated.map(() => []);
      this.recording = { path: new report.Path(), frames, from: this.dance.seconds };
      this.recording.path.add(0, this.map.led);
      this.showState();
    }

    keepFrame() {
      if (!this.recording) return;
      const { frames } = this.recording;
      this.dance.generated.forEach(({ rotations, body }, number) =>
        frames[number].push({ rotations: rotations.slice(), root: body.root.slice() }));
      if (frames[0].length >= LONGEST * this.dance.fps) this.stopRecording();
    }

    stopRecording() {
      const { path, frames, from } = this.recording;
      path.add(this.dance.seconds - from, null);
      [this.path, this.frames, this.recording] = [path, frames, null];
      this.map.showPath(path.events);
      this.showState();
    }

    replay() {
      this.play(true);
      this.replayed = { from: this.dance.seconds };
    }

    followPath() {
      const passed = this.dance.seconds - this.replayed.from, place = this.path.at(passed), { led } = this.map;
      if (passed > this.path.seconds) {
        this.replayed = null;
        this.follow(null);
      } else if (place ? String(place) !== String(led) : led) this.follow(place);
    }

    save(number) {
      const { description, shape } = this.dance.generated[number];
      const text = report.bvh(description, this.frames[number], this.dance.fps);
      const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
      element("a", { href: address, download: `live_dancer${shape.dancer + 1}.bvh` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    }

    // ---- what the page shows

    showState() {
      const ready = Boolean(this.path?.events.length) && !this.recording;
      this.playButton.textContent = this.stage?.playing ? "Pause" : "Play";
      this.recordButton.textContent = this.recording ? "Stop recording" : "Record";
      this.recordButton.setAttribute("aria-pressed", String(Boolean(this.recording)));
      for (const button of [this.replayButton, ...this.saveButtons]) button.disabled = !ready;
      for (const button of this.modeButtons) {
        button.setAttribute("aria-pressed", String(button.dataset.mode === this.guide.mode));
      }
      this.modeWords.textContent = `${MODES[this.guide.mode][0]}: ${MODES[this.guide.mode][1]}.`;
      this.map.svg.classList.toggle("recording", Boolean(this.recording));
    }

    showFrame() {
      const { recording, dance, stage } = this;
      if (this.replayed) this.followPath();
      if (recording) this.map.showPath(recording.path.events);
      const seconds = recording ? dance.seconds - recording.from : this.path?.seconds;
      const words = isNumber(seconds) ? `${seconds.toFixed(1)} s ${recording ? "so far" : "recorded"}` : "";
      if (this.clock.textContent !== words) this.clock.textContent = words;
      const { clip } = dance.recorded, figure = stage.figures[clip.number];
      if (figure.label.textContent !== clip.title) {
        figure.label.textContent = clip.title;
        stage.recolour();
      }
      stage.placeLabels(true);
    }

    showNews() {
      const { dance } = this;
      this.map.showCode(dance.code);
      if (isNumber(dance.point)) this.nearest.textContent = `closest: ${report.windowName(latent, dance.point)}`;
      if (dance.problem) this.status.setAttribute("role", "alert");
      this.status.textContent = dance.problem || `${this.pace()} ${this.size}`;
      this.stage.invalidate();
    }

    // How fast this machine decodes, and what that does to the dance.
    pace() {
      const { dance } = this, { frames } = dance.generated[0].shape, hop = dance.hop + Math.round(dance.delay);
      const pace = `A window of ${frames} frames takes ${10 * Math.round(dance.milliseconds / 10)} ms to decode here`;
      if (dance.rate < 1) return `${pace}, which is slow: the dance plays at ${dance.rate.toFixed(1)} × its speed.`;
      if (hop <= dance.hop + 1) return `${pace}; a new one begins every ${dance.hop} frames.`;
      const later = "and the dance follows the pointer a little later";
      return `${pace}: a new one begins every ${hop} frames instead of ${dance.hop}, ${later}.`;
    }
  }
}
