// The stage: scene, camera, light, floor, and the clock that all dancers follow. Built only where there is WebGL.
"use strict";

{
  const FLOOR = 14; // metres of floor around the dancers, fading away
  const GAP = 0.5; // metres between dancers side by side
  const VIEWS = { front: [0.22, 0.26, 1], side: [1, 0.26, 0.12], above: [0.001, 1, 0.35] };
  const SLOWEST = 0.1; // seconds; a page that was hidden goes on where it was

  let webGL; // asked for once: a browser gives a page only so many contexts

  report.hasWebGL = () => {
    try {
      webGL ??= Boolean(document.createElement("canvas").getContext("webgl2"));
    } catch {
      webGL = false;
    }
    return webGL;
  };

  report.Stage = class {
    constructor(canvas, view, clips = report.clips) {
      this.canvas = canvas;
      this.view = view;
      this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true, powerPreference: "high-performance" });
      this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
      this.scene = new THREE.Scene();
      this.camera = new THREE.PerspectiveCamera(38, 1, 0.05, 400);
      this.controls = new THREE.OrbitControls(this.camera, canvas);
      this.controls.maxPolarAngle = 0.52 * Math.PI;
      this.controls.minDistance = 0.5;
      this.controls.maxDistance = 120;
      this.controls.enableZoom = false; // until the stage is used: the wheel scrolls the page
      this.controls.addEventListener("change", () => this.invalidate());
      this.lights = [new THREE.HemisphereLight(), new THREE.DirectionalLight("#ffffff", 1.7)];
      this.lights[1].position.set(2, 5, 3);
      this.scene.add(...this.lights);
      this.figures = clips.map((clip) => new report.Figure(clip, this.scene));
      this.shown = clips.map(() => false);
      this.options = { beside: false, inPlace: false, trails: "", errors: 0 };
      this.follow = this.playing = false;
      this.loop = true;
      this.speed = 1;
      this.time = this.seconds = 0;
      this.fps = 1;
      this.cast = [];
      this.onFrame = this.onState = () => {};
      this.followed = new THREE.Vector3();
      this.middle = new THREE.Vector3();
      this.point = new THREE.Vector3();
      this.frameMilliseconds = new Float32Array(120);
      this.frameCount = 0;
      this.draw = this.draw.bind(this);
      report.onColours(() => this.recolour());
      new ResizeObserver(() => this.resize()).observe(view);
      new IntersectionObserver((entries) => {
        this.onScreen = entries[entries.length - 1].isIntersecting;
        this.invalidate();
      }).observe(view);
      this.resize();
    }

    recolour() {
      const colours = report.scene();
      this.scene.background = new THREE.Color(colours.back);
      this.scene.fog = new THREE.Fog(colours.back);
      this.lights[0].color.set(colours.sky);
      this.lights[0].groundColor.set(colours.ground);
      this.lights[0].intensity = report.darkness.matches ? 1.9 : 2.3;
      this.figures.forEach((figure) => {
        figure.recolour();
        if (figure.label) figure.label.style.color = report.colourOf(figure.clip);
      });
      this.layFloor();
      this.invalidate();
    }

    resize() {
      const { clientWidth: width, clientHeight: height } = this.view;
      if (!width || !height) return;
      this.renderer.setSize(width, height, false);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
      this.invalidate();
    }

    // ---- who is on stage, and where

    arrange(fit = true) {
      this.cast = this.figures.filter((figure) => this.shown[figure.clip.number]);
      this.seconds = Math.max(...this.cast.map((figure) => figure.clip.seconds), 0);
      this.fps = Math.max(...this.cast.map((figure) => figure.clip.fps), 1); // the step of one frame
      this.figures.forEach((figure) => figure.show(this.shown[figure.clip.number]));
      const { beside, inPlace } = this.options;
      let edge = 0;
      for (const figure of this.cast) {
        const { clip, offset } = figure;
        const [low, high] = inPlace ? [clip.meanX, clip.meanX] : [clip.bounds.low[0], clip.bounds.high[0]];
        const depth = inPlace ? clip.meanZ : (clip.bounds.low[1] + clip.bounds.high[1]) / 2;
        const reach = Math.min(clip.reach, 1);
        offset.set(beside ? edge + reach - low : 0, 0, beside ? -depth : 0);
        edge += high - low + 2 * reach + GAP;
      }
      this.measure();
      this.layFloor();
      this.time = Math.min(this.time, this.seconds);
      if (fit) this.look("front");
      this.keepFollowed();
      this.onState();
      this.invalidate();
    }

    // The box around everything that will be danced, in metres.
    measure() {
      const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
      for (const { clip, offset } of this.cast) {
        const { bounds, reach } = clip, path = !this.options.inPlace;
        const x = path ? [bounds.low[0], bounds.high[0]] : [clip.meanX, clip.meanX];
        const z = path ? [bounds.low[1], bounds.high[1]] : [clip.meanZ, clip.meanZ];
        const around = Math.min(reach, 1.1);
        low[0] = Math.min(low[0], x[0] + offset.x - around);
        high[0] = Math.max(high[0], x[1] + offset.x + around);
        low[1] = Math.min(low[1], z[0] + offset.z - around);
        high[1] = Math.max(high[1], z[1] + offset.z + around);
      }
      this.box = Number.isFinite(low[0]) ? { low, high } : { low: [-1, -1], high: [1, 1] };
      this.middle.set((this.box.low[0] + this.box.high[0]) / 2, 0.95, (this.box.low[1] + this.box.high[1]) / 2);
    }

    // A square a metre, a stronger line every five.
    layFloor() {
      if (!this.box) return;
      const { low, high } = this.box;
      const from = low.map((value) => Math.floor(value - FLOOR)), to = high.map((value) => Math.ceil(value + FLOOR));
      const every = Math.max(1, Math.ceil(Math.max(to[0] - from[0], to[1] - from[1]) / 150));
      const positions = [], colours = [];
      const [weak, strong] = ["grid", "strong"].map((name) => new THREE.Color(report.scene()[name]));
      const line = (number, ...ends) => {
        const colour = number % 5 ? weak : strong;
        positions.push(...ends);
        colours.push(colour.r, colour.g, colour.b, colour.r, colour.g, colour.b);
      };
      // in short pieces: one that reaches behind the camera would fade wrongly on some graphics cards
      const piece = Math.max(every, 2);
      for (let x = from[0]; x <= to[0]; x += every) {
        for (let z = from[1]; z < to[1]; z += piece) line(x, x, 0, z, x, 0, Math.min(z + piece, to[1]));
      }
      for (let z = from[1]; z <= to[1]; z += every) {
        for (let x = from[0]; x < to[0]; x += piece) line(z, x, 0, z, Math.min(x + piece, to[0]), 0, z);
      }
      if (this.floor) {
        this.scene.remove(this.floor);
        this.floor.geometry.dispose();
        this.floor.material.dispose();
      }
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(positions), 3));
      geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(colours), 3));
      this.floor = new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ vertexColors: true }));
      this.scene.add(this.floor);
    }

    // ---- camera

    look(from) {
      const { low, high } = this.box;
      const width = high[0] - low[0], depth = high[1] - low[1];
      const half = Math.tan((this.camera.fov * Math.PI) / 360);
      const across = from === "side" ? depth : width, along = from === "side" ? width : depth;
      const tall = from === "above" ? depth : 2.1;
      const distance = Math.max((1.14 * across) / 2 / half / this.camera.aspect, (0.5 * tall + 0.25) / half) + 0.3 * along;
      this.point.set(...VIEWS[from]).setLength(Math.max(distance, 2.5));
      this.controls.target.copy(this.middle);
      this.camera.position.copy(this.middle).add(this.point);
      this.controls.update();
      this.keepFollowed();
      this.invalidate();
    }

    // The middle of the dancers' hips, to which the camera keeps its distance while it follows.
    hipsMiddle(out) {
      out.set(0, 0, 0);
      for (const { clip, positions } of this.cast) {
        const at = 3 * clip.skeleton.hips;
        out.x += positions[at] / this.cast.length;
        out.z += positions[at + 2] / this.cast.length;
      }
      return out;
    }

    keepFollowed() {
      if (!this.cast.length) return;
      for (const figure of this.cast) figure.update(this.time, this.options, this.camera.position);
      this.hipsMiddle(this.followed);
    }

    followDancers() {
      const point = this.hipsMiddle(this.point);
      const x = point.x - this.followed.x, z = point.z - this.followed.z;
      if (x === 0 && z === 0) return;
      for (const place of [this.camera.position, this.controls.target]) {
        place.x += x;
        place.z += z;
      }
      this.followed.copy(point);
      this.controls.update();
    }

    // ---- time

    play(playing = !this.playing) {
      if (playing && this.time >= this.seconds - 1e-6) this.time = 0;
      this.playing = playing;
      this.before = undefined;
      this.onState();
      this.invalidate();
    }

    seek(seconds) {
      this.time = Math.min(Math.max(seconds, 0), this.seconds);
      this.onState();
      this.invalidate();
    }

    step(frames) {
      this.play(false);
      this.seek((Math.round(this.time * this.fps) + frames) / this.fps);
    }

    advance(now) {
      const passed = this.before === undefined ? 0 : Math.min((now - this.before) / 1000, SLOWEST);
      this.before = now;
      this.time += passed * this.speed;
      if (this.time <= this.seconds) return;
      if (this.loop && this.seconds > 0) this.time %= this.seconds;
      else {
        this.time = this.seconds;
        this.play(false);
      }
    }

    // ---- drawing

    invalidate() {
      if (!this.asked && this.draw) {
        this.asked = true;
        requestAnimationFrame(this.draw);
      }
    }

    draw(now) {
      this.asked = false;
      const start = performance.now();
      if (this.playing) this.advance(now);
      for (const figure of this.figures) {
        if (figure.visible) figure.update(this.time, this.options, this.camera.position);
      }
      if (this.follow) this.followDancers();
      const distance = this.camera.position.distanceTo(this.controls.target);
      this.scene.fog.near = distance + 1;
      this.scene.fog.far = distance + FLOOR;
      this.renderer.render(this.scene, this.camera);
      this.onFrame();
      this.frameMilliseconds[this.frameCount++ % this.frameMilliseconds.length] = performance.now() - start;
      if (this.playing && this.onScreen !== false) this.invalidate();
      else this.before = undefined;
    }

    // ---- for what stands over the picture, and for tests

    // The wheel scrolls the page until the stage is used, and then comes closer.
    zoomWhileUsed() {
      const used = (is) => () => (this.controls.enableZoom = is);
      this.canvas.addEventListener("pointerdown", used(true), { capture: true });
      this.canvas.addEventListener("focus", used(true));
      this.canvas.addEventListener("blur", used(false));
    }

    // Names over heads, as elements in another one.
    makeLabels(into) {
      for (const figure of this.figures) {
        figure.label = report.element("span", {}, figure.clip.title);
        into.append(figure.label);
      }
    }

    placeLabels(wanted) {
      for (const { clip, label, visible, positions } of this.figures) {
        const shown = visible && wanted;
        if (label.hidden === shown) label.hidden = !shown;
        if (!shown) continue;
        const from = 3 * clip.skeleton.hips;
        let top = positions[from + 1];
        for (let i = 1; i < positions.length; i += 3) top = Math.max(top, positions[i]);
        const { x, y } = this.toScreen(positions[from], top + 0.22, positions[from + 2]);
        const half = label.offsetWidth / 2 + 2, inside = Math.min(Math.max(x, half), this.view.clientWidth - half);
        label.style.transform = `translate(${inside.toFixed(1)}px, ${y.toFixed(1)}px) translate(-50%, -100%)`;
      }
    }

    // Where a joint stands now, in metres.
    world(number, joint) {
      return [...this.figures[number].positions.subarray(3 * joint, 3 * joint + 3)];
    }

    // Where a point of the stage is in the picture, in CSS pixels from its upper left corner.
    toScreen(x, y, z, out = this.point) {
      out.set(x, y, z).project(this.camera);
      out.x = ((out.x + 1) / 2) * this.view.clientWidth;
      out.y = ((1 - out.y) / 2) * this.view.clientHeight;
      return out;
    }

    // The same for a joint at a frame of its clip; shows that frame.
    project(number, frame, joint) {
      this.play(false);
      this.seek(frame / report.clips[number].fps);
      this.figures[number].update(this.time, this.options, this.camera.position);
      this.camera.updateMatrixWorld();
      const { x, y } = this.toScreen(...this.world(number, joint));
      return [x, y];
    }
  };
}
