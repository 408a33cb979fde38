// Which latent code comes next: led by the pointer on the map, or going on by itself, with sliders and a sine on top.
//
// Shapes: P points of the map, Z numbers of a code. Places are those of the latent map.
"use strict";

{
  const NEIGHBOURS = 8; // windows that are mixed under the pointer
  const SLIDERS = 8;

  // A normal random number from two even ones (Box & Muller, 1958).
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  // Back into −1 to 1 where a walk leaves it, as a ball from a wall.
  const fold = (value) => 1 - Math.abs(((((value + 1) % 4) + 4) % 4) - 2);

  report.Guide = class {
    // `model` and `latent` are what the page holds; `settings` those of the run.
    constructor(model, latent, settings) {
      const setting = (name, usual) => (report.isNumber(settings[name]) ? settings[name] : usual);
      this.pace = setting("export_walk_step", 1);
      this.amplitude = setting("export_offset_amplitude", 0.5);
      this.period = setting("export_offset_seconds", 4) * model.fps; // in frames
      for (const name of ["codes", "walk", "mean", "axes"]) this[name] = report.floats(model[name]);
      for (const name of ["dancer", "take", "held_out", "frame"]) this[name] = report.integers(latent[name]);
      this.places = report.floats(latent.places);
      [this.count, this.size, this.hop] = [latent.count, this.walk.length, model.hop];
      this.order = model.order.slice(0, SLIDERS); // the numbers of a code that the sliders move
      this.sliders = new Float64Array(this.order.length);
      this.mode = "recording"; // or "hold", "walk": what leads while the pointer does not
      this.pointer = false; // whether it leads
      this.touched = true; // whether anything has changed since the last code
      this.sine = false;
      this.swung = 0; // frames since the sine began
      this.base = Float64Array.from(this.codeOf(0));
      this.near = [[0, 1]]; // [[point, weight], …] of the mix
      this.start();
    }

    codeOf(point) {
      return this.codes.subarray(this.size * point, this.size * (point + 1));
    }

    // How far a number of the codes goes in the recording: its standard deviation.
    spread(number) {
      let sum = 0;
      for (let point = 0; point < this.count; point++) sum += (this.codeOf(point)[number] - this.mean[number]) ** 2;
      return Math.sqrt(sum / this.count);
    }

    // Where a code lies on the map.
    placeOf(code) {
      const place = [0, 0];
      for (let i = 0; i < this.size; i++) {
        const from = code[i] - this.mean[i];
        place[0] += from * this.axes[2 * i];
        place[1] += from * this.axes[2 * i + 1];
      }
      return place;
    }

    // Whether the next code may be another one than the last.
    get moves() {
      return this.touched || this.sine || (!this.pointer && this.mode !== "hold");
    }

    slide(slider, value) {
      this.sliders[slider] = value;
      this.touched = true;
    }

    // ---- the pointer

    // Lead from a place of the map: the codes of the windows around it, weighted by their inverse distances, which fall
    // to zero at the first window that no longer counts (Franke & Nielson, 1980), so that no code jumps on the way.
    point(x, y) {
      const far = Array.from({ length: this.count }, (_, point) => ({
        point, distance: Math.hypot(this.places[2 * point] - x, this.places[2 * point + 1] - y),
      })).sort((a, b) => a.distance - b.distance);
      const close = far.slice(0, NEIGHBOURS), reach = far[NEIGHBOURS]?.distance ?? 2 * far[far.length - 1].distance;
      let weights = close.map(({ distance }) => (Math.max(reach - distance, 0) / (reach * distance)) ** 2);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const exact = !(total > 0 && total < 1e12); // the place is that of a point, or there is but one place
      weights = weights.map((weight, place) => (exact ? Number(place === 0) : weight / total));
      this.near = close.map(({ point }, place) => [point, weights[place]]);
      this.base.fill(0);
      for (const [i, weight] of this.near) this.codeOf(i).forEach((value, at) => (this.base[at] += weight * value));
      this.pointer = this.touched = true;
    }

    release() {
      this.pointer = false;
      this.start();
    }

    setMode(mode) {
      this.mode = mode;
      this.start();
    }

    setSine(on) {
      [this.sine, this.swung, this.touched] = [on, 0, true];
    }

    // What goes on by itself goes on from where the code is.
    start() {
      this.walked = Float64Array.from(this.base);
      this.first = this.touched = true;
      this.at = { point: this.near[0][0], frames: 0 };
    }

    // ---- the code

    // The code of the next window, `frames` after the one before: {code (Z), point, frames}, the window of the map that
    // it is closest to, and how many frames of that have passed.
    next(frames) {
      if (!this.pointer && this.mode === "recording") this.follow(this.first ? 0 : frames);
      else if (!this.pointer && this.mode === "walk") this.step(this.first ? 0 : frames);
      else this.at = { point: this.near[0][0], frames: 0 };
      this.first = this.touched = false;
      const code = Float64Array.from(this.base);
      this.order.forEach((number, slider) => {
        if (this.sliders[slider]) code[number] = Math.min(Math.max(code[number] + this.sliders[slider], -1), 1);
      });
      if (this.sine) {
        const swing = this.amplitude * Math.sin((2 * Math.PI * this.swung) / this.period);
        for (let i = 0; i < this.size; i++) code[i] += swing;
        this.swung += frames;
      }
      return { code, ...this.at };
    }

    // Normal steps as long as the recording's own, turned back at ±1.
    step(frames) {
      const length = this.pace * Math.sqrt(frames / this.hop);
      for (let i = 0; i < this.size; i++) {
        this.walked[i] += length * this.walk[i] * normal();
        this.base[i] = fold(this.walked[i]);
      }
      this.at = { point: this.closest(this.base), frames: 0 };
    }

    closest(code) {
      let best = 0, least = Infinity;
      for (let point = 0; point < this.count; point++) {
        const codeThere = this.codeOf(point);
        let far = 0;
        for (let i = 0; i < this.size && far < least; i++) far += (code[i] - codeThere[i]) ** 2;
        if (far < least) [best, least] = [point, far];
      }
      return best;
    }

    // On through the recording, in its own time; between two windows of the map the code lies between theirs.
    follow(frames) {
      const at = { point: this.at.point, frames: this.at.frames + frames };
      while (this.goesOn(at.point) && at.frames >= this.frame[at.point + 1] - this.frame[at.point]) {
        at.frames -= this.frame[at.point + 1] - this.frame[at.point];
        at.point++;
      }
      if (!this.goesOn(at.point) && at.frames > 0) Object.assign(at, { point: this.nextStretch(at.point), frames: 0 });
      const here = this.codeOf(at.point), there = this.codeOf(this.goesOn(at.point) ? at.point + 1 : at.point);
      const share = this.goesOn(at.point) ? at.frames / (this.frame[at.point + 1] - this.frame[at.point]) : 0;
      for (let i = 0; i < this.size; i++) this.base[i] = (1 - share) * here[i] + share * there[i];
      this.near = [[at.point, 1 - share], ...(share ? [[at.point + 1, share]] : [])];
      this.at = at;
    }

    // Whether the next point is a later window of the same stretch.
    goesOn(point) {
      const next = point + 1;
      return next < this.count && this.frame[next] > this.frame[point]
        && ["dancer", "take", "held_out"].every((name) => this[name][next] === this[name][point]);
    }

    // The first window of the next stretch of the same dancer, after the last one that of the first.
    nextStretch(point) {
      for (let i = 1; i <= this.count; i++) {
        const next = (point + i) % this.count;
        if (this.dancer[next] === this.dancer[point]) return next;
      }
      return point;
    }
  };

  // The way of the pointer over the map, to be played again: what it did when, in seconds from its beginning.
  report.Path = class {
    constructor() {
      this.events = []; // {seconds, place: [x, y], or null where the pointer was lifted}
    }

    add(seconds, place) {
      this.events.push({ seconds, place });
    }

    get seconds() {
      return this.events.length ? this.events[this.events.length - 1].seconds : 0;
    }

    // Where the pointer was: [x, y]; null where it was lifted.
    at(seconds) {
      const after = this.events.findIndex((event) => event.seconds > seconds);
      const before = this.events[(after < 0 ? this.events.length : after) - 1], next = this.events[after];
      if (!before?.place || !next?.place) return before ? before.place : null;
      const share = (seconds - before.seconds) / (next.seconds - before.seconds);
      return before.place.map((value, axis) => value + share * (next.place[axis] - value));
    }
  };
}
