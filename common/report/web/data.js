// The page's data, and how its parts are read. Names in it come from files that anybody may have made: they reach the
// page as text nodes and attributes alone, never as HTML.
"use strict";

const report = { data: JSON.parse(document.getElementById("data").textContent) };

{
  const NAMESPACE = "http://www.w3.org/2000/svg";

  function bytes(text) {
    const characters = atob(text);
    const array = new Uint8Array(characters.length);
    for (let i = 0; i < array.length; i++) array[i] = characters.charCodeAt(i);
    return array.buffer;
  }

  report.floats = (text) => new Float32Array(bytes(text));
  report.shorts = (text) => new Int16Array(bytes(text));
  report.integers = (text) => new Int32Array(bytes(text));
  report.at = (id) => document.getElementById(id);

  function fill(node, properties, children) {
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  // An element with attributes, listeners ("onclick") and children; strings become text.
  report.element = (tag, properties = {}, ...children) => fill(document.createElement(tag), properties, children);
  report.drawing = (tag, properties = {}, ...children) =>
    fill(document.createElementNS(NAMESPACE, tag), properties, children);

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  report.isNumber = isNumber;

  // A number as people write it: three digits that matter, no exponent unless it has to be.
  report.number = (value) => {
    if (!isNumber(value)) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(1);
    const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
    return value.toFixed(digits);
  };

  // A figure with its unit: "9.1°", "6.8 cm", "87 %".
  report.withUnit = (value, unit) => {
    if (!isNumber(value)) return "–";
    const size = Math.abs(value);  // what is smaller than a hundredth of a unit is nothing to an eye
    const text = size < 0.005 ? "0" : size < 1 ? value.toFixed(2) : size < 10 ? value.toFixed(1) : report.number(value);
    return unit ? text + (unit === "°" ? "" : "\u00a0") + unit : text;
  };

  report.text = (value) => (typeof value === "string" ? value : "");
  report.list = (value) => (Array.isArray(value) ? value : []);
  report.object = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

  // One clip: joint positions at any time, in metres, y up.
  report.Clip = class {
    constructor(packed, skeleton, number) {
      Object.assign(this, packed);
      this.number = number;
      this.skeleton = skeleton;
      this.jointCount = skeleton.parents.length;
      this.path = report.floats(packed.path);
      this.joints = report.shorts(packed.joints);
      this.seconds = (this.frames - 1) / this.fps;
      this.measure();
    }

    // The mean place, the middle of the path, and how far the path goes from it, all in metres.
    measure() {
      const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
      this.meanX = this.meanZ = 0;
      for (let frame = 0; frame < this.frames; frame++) {
        const x = this.path[3 * frame] / 100, z = this.path[3 * frame + 2] / 100;
        this.meanX += x / this.frames;
        this.meanZ += z / this.frames;
        low[0] = Math.min(low[0], x);
        high[0] = Math.max(high[0], x);
        low[1] = Math.min(low[1], z);
        high[1] = Math.max(high[1], z);
      }
      this.bounds = { low, high };
      this.travel = Math.max(high[0] - low[0], high[1] - low[1]);
      let reach = 0;
      for (let i = 0; i < this.joints.length; i += 3) {
        reach = Math.max(reach, Math.abs(this.joints[i]), Math.abs(this.joints[i + 2]));
      }
      this.reach = Math.max((reach * this.scale) / 100, 0.3);
    }

    // Position of a joint at a time in seconds, written to out[at], out[at + 1], out[at + 2].
    joint(out, at, joint, seconds, inPlace) {
      const exact = Math.min(Math.max(seconds * this.fps, 0), this.frames - 1);
      let frame = Math.floor(exact + 1e-6);
      const share = Math.max(exact - frame, 0);
      const next = Math.min(frame + 1, this.frames - 1);
      const a = 3 * (frame * this.jointCount + joint), b = 3 * (next * this.jointCount + joint);
      for (let axis = 0; axis < 3; axis++) {
        let value = this.scale * ((1 - share) * this.joints[a + axis] + share * this.joints[b + axis]);
        if (axis === 1 || !inPlace) {
          value += (1 - share) * this.path[3 * frame + axis] + share * this.path[3 * next + axis];
        }
        out[at + axis] = value / 100;
      }
      out[at + 1] -= this.floor / 100;
      if (inPlace) {
        out[at] += this.meanX;
        out[at + 2] += this.meanZ;
      }
    }

    pose(out, seconds, inPlace) {
      for (let joint = 0; joint < this.jointCount; joint++) this.joint(out, 3 * joint, joint, seconds, inPlace);
    }
  };

  // How far each joint is from where the recording has it, in cm, the roots of both at one place: into out (J).
  // Returns the mean.
  report.errorsOf = (clip, recording, seconds, out, a, b) => {
    clip.pose(a, seconds, false);
    recording.pose(b, seconds, false);
    let sum = 0;
    for (let joint = 0; joint < clip.jointCount; joint++) {
      const at = 3 * joint;
      const x = a[at] - a[0] - b[at] + b[0], y = a[at + 1] - a[1] - b[at + 1] + b[1];
      const z = a[at + 2] - a[2] - b[at + 2] + b[2];
      out[joint] = 100 * Math.sqrt(x * x + y * y + z * z);
      sum += out[joint];
    }
    return sum / clip.jointCount;
  };

  const motion = report.data.motion;
  report.clips = motion
    ? motion.clips.map((packed, number) => new report.Clip(packed, motion.skeletons[packed.skeleton], number))
    : [];
  report.stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
  report.darkness = window.matchMedia("(prefers-color-scheme: dark)");
}
