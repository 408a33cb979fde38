// The latent map: every point a window of one dancer; a click plays it in the small view beside the map.
"use strict";

{
  const { element, drawing, isNumber } = report;
  const OF_A_POINT = ["dancer", "take", "frame", "held_out"];
  const EDGE = 18;
  const NEAR = 24; // pixels from a point within which it is meant

  // The points in an svg of their own: filled where they were trained on. Places are latent.places, spots are pixels.
  report.PointMap = class {
    constructor(latent, label) {
      this.places = report.floats(latent.places);
      [this.dancer, this.heldOut] = [report.integers(latent.dancer), report.integers(latent.held_out)];
      this.points = drawing("g");
      const roles = { tabindex: "0", role: "application", "aria-label": label };
      this.svg = drawing("svg", { class: "chart map", ...roles }, this.points);
      this.onLay = () => {};
      this.width = this.height = 0;
      new ResizeObserver(() => {
        if (this.svg.clientWidth !== this.width || this.svg.clientHeight !== this.height) this.lay();
      }).observe(this.svg);
    }

    lay() {
      [this.width, this.height] = [this.svg.clientWidth || 480, this.svg.clientHeight || 400];
      const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
      this.places.forEach((value, i) => {
        low[i % 2] = Math.min(low[i % 2], value);
        high[i % 2] = Math.max(high[i % 2], value);
      });
      // one scale for both axes, so that distances in the map can be compared
      this.scale = Math.min(...[this.width, this.height].map((size, i) => (size - 2 * EDGE) / (high[i] - low[i] || 1)));
      this.middle = low.map((value, i) => (value + high[i]) / 2);
      this.points.replaceChildren(...Array.from(this.dancer, (dancer, point) => {
        const [x, y] = this.spotOf(point), colour = report.dancerColour(dancer);
        const fill = this.heldOut[point] ? "none" : colour;
        return drawing("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3.6, fill, stroke: colour });
      }));
      this.onLay();
    }

    spot(x, y) {
      return [this.width / 2 + this.scale * (x - this.middle[0]), this.height / 2 - this.scale * (y - this.middle[1])];
    }

    spotOf(point) {
      return this.spot(this.places[2 * point], this.places[2 * point + 1]);
    }

    place(x, y) {
      return [this.middle[0] + (x - this.width / 2) / this.scale, this.middle[1] - (y - this.height / 2) / this.scale];
    }

    // Where a pointer is, as a spot.
    spotUnder(event) {
      const box = this.svg.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }

    // The point that a pointer means, or -1.
    nearest(event) {
      const [x, y] = this.spotUnder(event);
      let best = -1, distance = NEAR;
      for (let point = 0; point < this.dancer.length; point++) {
        const [a, b] = this.spotOf(point), far = Math.hypot(a - x, b - y);
        if (far < distance) [best, distance] = [point, far];
      }
      return best;
    }
  };

  // What the map means, in two sentences.
  report.mapWords = (latent) => {
    const share = latent.explained.map((value) => `${(100 * value).toFixed(0)} %`);
    const meaning = new Set(report.integers(latent.dancer)).size > 1
      ? "Windows are placed by their latent codes; where the two dancers mix, the model describes their movement in the same words."
      : "Windows are placed by their latent codes: neighbours are movements that the model takes for alike.";
    return [meaning, ` The two directions hold ${share[0]} and ${share[1]} of what varies.`];
  };

  // Which point is what.
  report.mapKey = (latent) => {
    const dancers = [...new Set(report.integers(latent.dancer))].sort().map((dancer) => {
      const dot = element("i", { class: "dot" });
      report.onColours(() => (dot.style.background = report.dancerColour(dancer)));
      return element("span", {}, dot, `dancer ${dancer + 1}`);
    });
    return element("p", { class: "key" }, ...dancers, element("span", {}, element("i", { class: "dot filled" }), "trained on"),
      element("span", {}, element("i", { class: "dot ring" }), "held out"));
  };

  // Which window a point is, in words.
  report.windowName = (latent, point) => {
    const [dancer, take, first, heldOut] = OF_A_POINT.map((name) => report.integers(latent[name])[point]);
    const frames = `frames ${first} to ${first + latent.window - 1}`;
    return `Dancer ${dancer + 1}, ${latent.takes[take]}, ${frames}, ${heldOut ? "held out" : "trained on"}`;
  };

  report.latentMap = (latent) => {
    const first = report.integers(latent.first);
    const bodies = latent.bodies.map((body) => ({ ...body, motion: report.shorts(body.motion) }));
    const map = new report.PointMap(latent, "Latent map. Arrow keys go from window to window in time, each is played beside the map.");
    const { svg, dancer } = map;
    const canvas = element("canvas", { class: "small-view", "aria-label": "The window's motion. Drag to turn it.", tabindex: "-1" });
    const caption = element("p", { class: "aside", "aria-live": "polite" }, "");
    const marker = drawing("circle", { class: "marker", r: 9 });
    let shown = -1;

    function mark() {
      marker.style.display = shown < 0 ? "none" : "";
      if (shown < 0) return;
      const [x, y] = map.spotOf(shown);
      marker.setAttribute("cx", x);
      marker.setAttribute("cy", y);
    }

    function pick(point) {
      shown = point;
      mark();
      caption.textContent = report.windowName(latent, point);
      player.start(bodies[dancer[point]], first[point], latent.shown, latent.fps[1]);
    }

    svg.append(marker);
    svg.addEventListener("click", (event) => {
      const point = map.nearest(event);
      if (point >= 0) pick(point);
    });
    svg.addEventListener("pointermove", (event) => svg.classList.toggle("near", map.nearest(event) >= 0));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!step) return;
      pick(Math.min(Math.max(shown + step, 0), latent.count - 1));
      event.preventDefault();
    });
    map.onLay = mark;
    const player = smallView(canvas, () => report.dancerColour(dancer[Math.max(shown, 0)]));
    report.onColours(() => {
      map.lay();
      player.draw();
    });
    pick(0);
    return element("div", { class: "map-and-view" }, element("div", {}, svg), element("div", {}, canvas, caption));
  };

  // A stick figure on a plain canvas: needs no WebGL. Drag turns it.
  function smallView(canvas, colour) {
    let body, first, count, fps, turn = 0.4, began = 0, now = 0, asked = false;

    function draw() { // also before it is on the page, where it has no size yet
      const ratio = Math.min(window.devicePixelRatio, 2), { clientWidth: width, clientHeight: height } = canvas;
      if (!body || !width) return;
      if (canvas.width !== Math.round(width * ratio)) [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      const pen = canvas.getContext("2d");
      if (!pen) return; // a browser that shows no graphics at all
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const frame = Math.floor(now * fps) % count, joints = body.parents.length, size = (height / 240) * body.scale;
      const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
      const spot = (joint) => {
        const at = 3 * ((first + frame) * joints + joint), [x, y, z] = body.motion.subarray(at, at + 3);
        return [width / 2 + size * (cos * x + sin * z), 0.53 * height - size * (y - 0.12 * (cos * z - sin * x))];
      };
      pen.lineCap = "round";
      pen.lineWidth = 3.5;
      pen.strokeStyle = colour();
      body.parents.forEach((parent, joint) => {
        if (parent < 0) return;
        pen.beginPath();
        pen.moveTo(...spot(parent));
        pen.lineTo(...spot(joint));
        pen.stroke();
      });
    }

    function tick(time) {
      asked = false;
      if (!canvas.isConnected) return;
      now = (time - began) / 1000;
      draw();
      ask();
    }

    function ask() {
      if (!asked && onScreen && !report.stillness.matches) requestAnimationFrame(tick);
      asked = asked || (onScreen && !report.stillness.matches);
    }

    let onScreen = false;
    new IntersectionObserver((entries) => {
      onScreen = entries[entries.length - 1].isIntersecting;
      draw();
      if (body) ask();
    }).observe(canvas);
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      turn += event.movementX / 80;
      draw();
    });
    return {
      draw,
      start(...what) {
        [body, first, count, fps] = what;
        began = performance.now();
        now = 0;
        draw();
        ask();
      },
      get frame() {
        return isNumber(now) ? Math.floor(now * fps) : 0;
      },
    };
  }
}
