// A dance as a BVH file: the body's own joints, names and rotation orders, lengths in cm, angles in degrees.
"use strict";

{
  // control characters, and halves of characters, which no file can hold
  const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/gu;

  const decimal = (value) => (Math.abs(value) < 5e-7 ? 0 : value).toFixed(6).replace(/\.?0+$/, "");
  const plainName = (name, joint) =>
    name.replace(UNPRINTABLE, "_").replaceAll("{", "(").replaceAll("}", ")").trim() || `joint${joint}`;

  function channels(body, joint) {
    const rotations = [...body.orders[joint]].map((axis) => `${axis}rotation`);
    return [...(joint ? ["3"] : ["6", "Xposition", "Yposition", "Zposition"]), ...rotations].join(" ");
  }

  // The lines of the hierarchy, and the joints in the order in which they stand there.
  function hierarchy(body) {
    const lines = [], order = [];
    const children = body.parents.map(() => []);
    body.parents.forEach((parent, joint) => parent >= 0 && children[parent].push(joint));
    function add(joint, depth) {
      order.push(joint);
      const indent = "\t".repeat(depth), offset = joint ? body.offsets[joint] : [0, 0, 0];
      const title = `${joint ? "JOINT" : "ROOT"} ${plainName(body.names[joint], joint)}`;
      lines.push(indent + (body.ends[joint] ? "End Site" : title), `${indent}{`, `${indent}\tOFFSET ${offset.map(decimal).join(" ")}`);
      if (!body.ends[joint]) lines.push(`${indent}\tCHANNELS ${channels(body, joint)}`);
      children[joint].forEach((child) => add(child, depth + 1));
      lines.push(`${indent}}`);
    }
    add(0, 0);
    return { lines, order };
  }

  // `frames`: [{rotations (D), root (3)}, …]. The text of the file.
  report.bvh = (body, frames, fps) => {
    const { lines, order } = hierarchy(body), moving = order.filter((joint) => !body.ends[joint]);
    const angles = moving.map((joint) => new motion.Euler(body.orders[joint]));
    const rows = frames.map(({ rotations, root }) => {
      const turns = moving.flatMap((joint, place) =>
        angles[place].next(rotations.subarray(4 * joint, 4 * joint + 4)).map((angle) => (180 / Math.PI) * angle));
      return [...root, ...turns].map(decimal).join(" ");
    });
    const time = Number((1 / fps).toPrecision(10));
    const head = ["HIERARCHY", ...lines, "MOTION", `Frames: ${frames.length}`, `Frame Time: ${time}`];
    return `${[...head, ...rows].join("\n")}\n`;
  };
}
