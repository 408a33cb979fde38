// The live dance: windows are decoded by workers while the frames before them are shown, and blended into one motion
// that does not end. A window that comes late begins later, so the motion goes on without a stop.
"use strict";

{
  const SPARE = 2; // frames that a window is asked for before it is needed, at least, besides what it takes to decode
  const REMEMBERED = 4; // of the last windows the slowest tells how long the next may take
  const MEMORY = 2; // seconds of positions that are kept, for trails
  const FADE = 0.25; // seconds from one recorded window to another

  const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

  // A dancer who is made as the clock goes, as the stage knows clips.
  report.LiveClip = class {
    constructor(about, skeleton, fps, positions) {
      Object.assign(this, about, { skeleton, fps, seconds: Infinity, compare: -1, meanX: 0, meanZ: 0, travel: 0 });
      this.jointCount = skeleton.parents.length;
      this.bounds = { low: [0, 0], high: [0, 0] };
      this.room = Math.ceil(MEMORY * fps) + 2;
      this.ring = new Float32Array(this.room * positions.length);
      this.last = -1;
      const height = Math.max(...positions.filter((_, i) => i % 3 === 1)) / 100;
      this.reach = Math.max(0.5 * height, 0.3); // with both arms out a body is about as wide as it is tall
      for (let frame = 0; frame < this.room; frame++) this.write(positions, frame);
      this.last = -1;
    }

    write(positions, frame = this.last + 1) {
      this.last = frame;
      const start = (frame % this.room) * positions.length;
      for (let i = 0; i < positions.length; i++) this.ring[start + i] = positions[i] / 100;
    }

    joint(out, at, joint, seconds) {
      const newest = Math.max(this.last, 0), oldest = Math.max(newest - this.room + 1, 0);
      const exact = clamp(seconds * this.fps, oldest, newest);
      const frame = Math.floor(exact + 1e-6), share = Math.max(exact - frame, 0), next = Math.min(frame + 1, newest);
      const [a, b] = [frame, next].map((number) => 3 * ((number % this.room) * this.jointCount + joint));
      for (let i = 0; i < 3; i++) out[at + i] = (1 - share) * this.ring[a + i] + share * this.ring[b + i];
    }

    pose(out, seconds) {
      for (let joint = 0; joint < this.jointCount; joint++) this.joint(out, 3 * joint, joint, seconds);
    }
  };

  // One decoder in a worker of its own, and the dancer that it moves.
  class Generated {
    constructor(shape, body, fps, number, several) {
      [this.shape, this.fps] = [shape, fps];
      this.blend = new motion.Blend(shape.frames, shape.pose);
      this.body = new motion.Body(body);
      this.description = body;
      this.rotations = new Float32Array(shape.pose);
      this.positions = new Float64Array(3 * body.parents.length);
      this.body.rest(this.positions);
      const { dancer } = shape, title = several ? `as dancer ${dancer + 1}` : `dancer ${dancer + 1}, generated`;
      const kind = several ? { kind: "converted", source: dancer } : { kind: "translated", source: 0 };
      this.clip = new report.LiveClip({ number, dancer, title, ...kind }, body, fps, this.positions);
    }

    takeFrame() {
      this.blend.take(this.rotations);
      this.body.place(this.rotations, this.positions);
      this.clip.write(this.positions);
    }
  }

  // A recorded dancer beside them: the windows that the codes come from, one after the other. Where both dancers are on
  // the map, they have the same joints, and one figure shows now the one and now the other.
  class Recorded {
    constructor(latent, bodies, fps, number) {
      Object.assign(this, { latent, fps });
      [this.first, this.dancer] = [report.integers(latent.first), report.integers(latent.dancer)];
      this.sources = latent.bodies.map((body) => ({ motion: report.shorts(body.motion), scale: body.scale }));
      const dancer = this.dancer[0];
      this.size = 3 * bodies[dancer].parents.length;
      this.fits = bodies.map((body) => 3 * body.parents.length === this.size);
      this.positions = new Float64Array(this.size);
      this.now = this.before = null; // {point, frame: of the dance at which its window began, since: it is shown}
      new motion.Body(bodies[dancer]).rest(this.positions);
      this.clip = new report.LiveClip({ number, kind: "recorded" }, bodies[dancer], fps, this.positions);
      this.name(dancer);
    }

    name(dancer) {
      Object.assign(this.clip, { dancer, source: dancer, title: `dancer ${dancer + 1}, recorded` });
    }

    // From a frame of the dance on, show the window of a point as it is some frames after its beginning.
    cue(point, frames, frame) {
      if (!this.fits[this.dancer[point]]) return;
      const passed = this.now ? frame - this.now.frame : 0;
      const goesOn = frames ? Math.abs(passed - frames) < 2 : passed < this.latent.window;
      if (this.now?.point === point && goesOn) return;
      [this.before, this.now] = [this.now, { point, frame: frame - frames, since: frame }];
    }

    takeFrame(frame) {
      const { now, before } = this, share = now && before ? clamp((frame - now.since) / (FADE * this.fps), 0, 1) : 1;
      this.positions.fill(0);
      if (share < 1) this.read(before.point, frame - before.frame, 1 - share);
      if (share > 0) this.read(now ? now.point : 0, now ? frame - now.frame : 0, share);
      if (now) this.name(this.dancer[now.point]);
      let lowest = Infinity;
      for (let at = 1; at < this.size; at += 3) lowest = Math.min(lowest, this.positions[at]);
      for (let at = 1; at < this.size; at += 3) this.positions[at] -= lowest;
      this.clip.write(this.positions);
    }

    // Add a share of the positions some frames after the beginning of a window.
    read(point, frames, share) {
      const { latent, size } = this, { motion, scale } = this.sources[this.dancer[point]];
      const exact = clamp((frames / latent.fps[0]) * latent.fps[1], 0, latent.shown - 1);
      const low = Math.floor(exact), high = Math.min(low + 1, latent.shown - 1), part = exact - low;
      const a = (this.first[point] + low) * size, b = (this.first[point] + high) * size;
      for (let i = 0; i < size; i++) {
        this.positions[i] += share * scale * ((1 - part) * motion[a + i] + part * motion[b + i]);
      }
    }
  }

  report.Dance = class {
    // `news(dance)` is called when a window has come, or a worker has failed.
    constructor(model, latent, guide, news) {
      const several = model.decoders.length > 1;
      Object.assign(this, { guide, news, fps: model.fps, hop: model.hop });
      this.generated = model.decoders.map((shape, number) =>
        new Generated(shape, model.bodies[shape.dancer], model.fps, number, several));
      this.recorded = new Recorded(latent, model.bodies, model.fps, model.decoders.length);
      this.length = Math.min(...model.decoders.map((shape) => shape.frames));
      this.seconds = 0;
      this.start = null; // of the last window, in frames
      this.waiting = null; // the code of the windows that are being decoded
      this.usual = this.hop; // frames between the last two windows
      this.delay = 0; // frames by which the last decoded window began later than it would have with a faster decoder
      this.took = []; // milliseconds from asking for a window to having it
      this.problem = "";
      this.onFrame = () => {};
    }

    get clips() {
      return [...this.generated, this.recorded].map(({ clip }) => clip);
    }

    get frame() {
      return this.generated[0].blend.taken;
    }

    // ---- the workers

    // Set up the workers and have the first window decoded.
    prepare() {
      if (this.workers) return;
      const code = new Blob([report.at("decoder.js").textContent], { type: "text/javascript" });
      const address = URL.createObjectURL(code);
      this.workers = this.generated.map(({ shape }, number) => {
        const worker = new Worker(address);
        worker.onmessage = ({ data }) => this.receive(number, data);
        worker.onerror = (event) => this.fail(event.message || "it did not start");
        worker.postMessage({ shape, weights: report.at(`weights${number}`).textContent });
        return worker;
      });
      this.ask();
    }

    fail(why) {
      this.problem = `The decoder cannot run here: ${why}.`;
      this.news(this);
    }

    // Have the next window decoded. A code that stays needs no decoding, and its window begins again when half of it is
    // over: at the usual hop, window over window, next to no movement would be left.
    ask() {
      const again = this.still, lead = this.guide.next(this.start === null ? 0 : this.usual);
      const when = { asked: performance.now(), first: this.start === null, hop: this.nextHop(again) };
      this.waiting = { ...lead, ...when, windows: [] };
      if (again) this.place(this.windows);
      else this.workers.forEach((worker) => worker.postMessage({ code: lead.code }));
    }

    get still() {
      return Boolean(this.windows) && !this.guide.moves;
    }

    nextHop(still) {
      return still ? Math.max(this.hop, Math.floor(this.length / 2)) : this.hop;
    }

    receive(number, { window, milliseconds, problem }) {
      if (problem) this.fail(problem);
      if (!window || !this.waiting) return;
      this.milliseconds = milliseconds;
      this.waiting.windows[number] = window;
      if (this.waiting.windows.filter(Boolean).length < this.generated.length) return;
      const { asked, first } = this.waiting;
      if (!first) this.took = [...this.took, performance.now() - asked].slice(-REMEMBERED); // the first has to unpack
      this.delay = this.place(this.waiting.windows);
      this.news(this);
    }

    // Blend windows in: in time where they have come in time, else from the first frame that is not shown yet. Returns
    // how many frames late they are.
    place(windows) {
      const { code, point, frames, first, hop } = this.waiting;
      const due = first ? 0 : this.start + hop, start = Math.max(due, this.frame + 1);
      this.generated.forEach(({ blend }, number) => blend.add(windows[number], start));
      this.recorded.cue(point, frames, start);
      if (!first) this.usual = start - this.start;
      Object.assign(this, { windows, start, code, point, waiting: null });
      if (first) this.takeFrames(0);
      return start - due;
    }

    // ---- time

    // How long a window may take, in frames of the dance at its full speed.
    get lag() {
      return (Math.max(...this.took, 0) / 1000) * this.fps;
    }

    // Where windows take longer than half of one lasts, the dance slows down.
    get rate() {
      const mean = this.took.reduce((sum, milliseconds) => sum + milliseconds, 0) / Math.max(this.took.length, 1);
      return Math.min(1, this.length / 2 / Math.max((mean / 1000) * this.fps, 1e-3));
    }

    // Go on by so many seconds, and have decoded what is needed soon.
    advance(seconds) {
      if (this.start === null || this.problem) return;
      const rest = Math.floor(this.length / 4); // frames of the last window with which the next one blends
      const last = this.generated[0].blend.covered - rest;
      this.seconds = Math.max(this.seconds, Math.min(this.seconds + seconds * this.rate, last / this.fps));
      this.takeFrames(Math.min(Math.ceil(this.seconds * this.fps - 1e-6), last));
      const notice = Math.max(seconds * this.fps, SPARE) + (this.still ? 0 : this.rate * this.lag);
      if (!this.waiting && this.frame + notice >= this.start + this.nextHop(this.still)) this.ask();
    }

    takeFrames(last) {
      while (this.frame < last) {
        const frame = this.frame + 1;
        for (const dancer of this.generated) dancer.takeFrame();
        this.recorded.takeFrame(frame);
        this.onFrame(frame);
      }
    }
  };
}
