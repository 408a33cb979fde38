// The latent map: every point a window of one dancer; a click plays it in the small view beside the map.
"use strict";

{
  const { element, drawing, isNumber } = report;
  const HEIGHT = 400;
  const EDGE = 18;

  report.latentMap = (latent) => {
    const places = report.floats(latent.places);
    const [dancer, take, frame, heldOut, first] = ["dancer", "take", "frame", "held_out", "first"].map((name) =>
      report.integers(latent[name]),
    );
    const bodies = latent.bodies.map((body) => ({ ...body, motion: report.shorts(body.motion) }));
    const svg = drawing("svg", { class: "chart map", height: HEIGHT, tabindex: "0", role: "application",
      "aria-label": "Latent map. Arrow keys go from window to window in time, each is played beside the map." });
    const canvas = element("canvas", { class: "small-view", "aria-label": "The window's motion. Drag to turn it.", tabindex: "-1" });
    const caption = element("p", { class: "aside", "aria-live": "polite" }, "");
    const rings = drawing("g"), marker = drawing("circle", { class: "marker", r: 9 });
    let shown = -1, width = 0, spot;

    function lay() {
      width = svg.clientWidth || 480;
      const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
      places.forEach((value, i) => {
        low[i % 2] = Math.min(low[i % 2], value);
        high[i % 2] = Math.max(high[i % 2], value);
      });
      // one scale for both axes, so that distances in the map can be compared
      const per = Math.min(...[width, HEIGHT].map((size, i) => (size - 2 * EDGE) / (high[i] - low[i] || 1)));
      spot = (point) => [
        width / 2 + per * (places[2 * point] - (low[0] + high[0]) / 2),
        HEIGHT / 2 - per * (places[2 * point + 1] - (low[1] + high[1]) / 2),
      ];
      rings.replaceChildren();
      for (let point = 0; point < latent.count; point++) {
        const [x, y] = spot(point), colour = report.dancerColour(dancer[point]);
        rings.append(drawing("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3.6, fill: heldOut[point] ? "none" : colour, stroke: colour }));
      }
      mark();
    }

    function mark() {
      marker.style.display = shown < 0 ? "none" : "";
      if (shown < 0) return;
      const [x, y] = spot(shown);
      marker.setAttribute("cx", x);
      marker.setAttribute("cy", y);
    }

    function pick(point) {
      shown = point;
      mark();
      const last = frame[point] + latent.window - 1, name = latent.takes[take[point]];
      caption.textContent = `Dancer ${dancer[point] + 1}, ${name}, frames ${frame[point]} to ${last}, ${heldOut[point] ? "held out" : "trained on"}`;
      player.start(bodies[dancer[point]], first[point], latent.shown, latent.fps[1]);
    }

    function nearest(event) {
      const box = svg.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      let best = -1, distance = 24;
      for (let point = 0; point < latent.count; point++) {
        const [a, b] = spot(point), far = Math.hypot(a - x, b - y);
        if (far < distance) [best, distance] = [point, far];
      }
      return best;
    }

    svg.append(rings, marker);
    svg.addEventListener("click", (event) => {
      const point = nearest(event);
      if (point >= 0) pick(point);
    });
    svg.addEventListener("pointermove", (event) => svg.classList.toggle("near", nearest(event) >= 0));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!step) return;
      pick(Math.min(Math.max(shown + step, 0), latent.count - 1));
      event.preventDefault();
    });
    const player = smallView(canvas, () => report.dancerColour(dancer[Math.max(shown, 0)]));
    new ResizeObserver(() => {
      if (svg.clientWidth !== width) lay();
    }).observe(svg);
    report.onColours(() => {
      lay();
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
