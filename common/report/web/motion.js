// Motion from windows: blending, bodies, and the Euler angles that a BVH file holds. The same mathematics as in the
// scripts' own export, frame by frame instead of over a whole clip.
//
// Shapes: L frames of a window, J joints, D = 4·J. Quaternions are w x y z, of unit length.
"use strict";

const motion = (() => {
  const EPSILON = 1e-8; // of a length that is divided by
  const LOCKED = 1e-7; // of a pair of components below which the angle between them means nothing (gimbal lock)

  // Overlapping windows to one sequence without an end: at every frame the mean of sign-aligned quaternions with Hann
  // weights, which are divided by their sum (Markley et al., "Averaging Quaternions", 2007). Frames are taken in order;
  // a window may begin at any frame that has not been taken.
  class Blend {
    constructor(length, pose) {
      [this.length, this.pose, this.room] = [length, pose, 2 * length + 2];
      this.sum = new Float64Array(this.room * pose);
      this.weight = new Float64Array(this.room);
      this.before = new Float64Array(pose);
      this.hann = Float64Array.from({ length }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / length) ** 2);
      this.taken = this.covered = -1; // the last frame that was given out, and the last that has a window
    }

    add(window, start) {
      if (start <= this.taken || start > this.covered + 1) throw new Error(`no window can begin at frame ${start}`);
      const { pose, sum } = this;
      for (let i = 0; i < this.length; i++) {
        const place = (start + i) % this.room, weight = this.hann[i];
        if (start + i > this.covered) {
          sum.fill(0, place * pose, (place + 1) * pose);
          this.weight[place] = 0;
        }
        for (let to = place * pose, from = i * pose; from < (i + 1) * pose; to += 4, from += 4) {
          const agrees = sum[to] * window[from] + sum[to + 1] * window[from + 1]
            + sum[to + 2] * window[from + 2] + sum[to + 3] * window[from + 3] >= 0;
          for (let axis = 0; axis < 4; axis++) sum[to + axis] += (agrees ? weight : -weight) * window[from + axis];
        }
        this.weight[place] += weight;
      }
      this.covered = Math.max(this.covered, start + this.length - 1);
    }

    // The next frame's rotations into `out` (D), with signs that do not flip from frame to frame.
    take(out) {
      const { pose, sum, before } = this, place = ++this.taken % this.room;
      for (let i = 0, from = place * pose; i < pose; i += 4, from += 4) {
        let length = Math.hypot(sum[from], sum[from + 1], sum[from + 2], sum[from + 3]) / this.weight[place];
        length = Math.max(length, EPSILON) * this.weight[place];
        const agrees = sum[from] * before[i] + sum[from + 1] * before[i + 1]
          + sum[from + 2] * before[i + 2] + sum[from + 3] * before[i + 3] >= 0;
        for (let axis = 0; axis < 4; axis++) out[i + axis] = (agrees ? sum[from + axis] : -sum[from + axis]) / length;
      }
      before.set(out);
    }
  }

  // A body in one place: its hips over the origin of the floor, its lowest joint on it.
  class Body {
    constructor({ parents, offsets, hips, upright }) {
      [this.parents, this.hips, this.count] = [parents, hips, parents.length];
      this.offsets = Float64Array.from(offsets.flat());
      this.upright = upright.flat();
      this.world = new Float64Array(4 * this.count); // rotations
      this.points = new Float64Array(3 * this.count); // in the axes of the file, the root at the origin
      this.root = new Float64Array(3); // where the root stands, in the axes of the file, in cm
    }

    // Rotations (D) to joint positions (J·3) in cm with y up, and to `root`. With p the parent of joint j,
    // rot_world_j = rot_world_p · rot_local_j and pos_j = pos_p + rot_world_p offset_j.
    place(rotations, out) {
      const { parents, offsets, world, points, upright } = this;
      for (let joint = 0; joint < this.count; joint++) {
        const parent = parents[joint], at = 3 * joint, to = 4 * joint;
        if (parent < 0) {
          for (let i = 0; i < 4; i++) world[to + i] = rotations[to + i];
          points.fill(0, at, at + 3);
          continue;
        }
        multiply(world, to, world, 4 * parent, rotations, to);
        rotate(points, at, world, 4 * parent, offsets, at);
        for (let i = 0; i < 3; i++) points[at + i] += points[3 * parent + i];
      }
      let lowest = Infinity;
      for (let at = 0; at < out.length; at += 3) {
        for (let axis = 0; axis < 3; axis++) {
          let value = 0;
          for (let from = 0; from < 3; from++) value += points[at + from] * upright[3 * from + axis];
          out[at + axis] = value;
        }
        lowest = Math.min(lowest, out[at + 1]);
      }
      const shift = [-out[3 * this.hips], -lowest, -out[3 * this.hips + 2]];
      for (let at = 0; at < out.length; at += 3) for (let axis = 0; axis < 3; axis++) out[at + axis] += shift[axis];
      for (let axis = 0; axis < 3; axis++) {
        this.root[axis] = shift.reduce((sum, value, from) => sum + value * upright[3 * axis + from], 0);
      }
    }

    // The same with no joint turned.
    rest(out) {
      this.place(Float64Array.from({ length: 4 * this.count }, (_, i) => (i % 4 ? 0 : 1)), out);
    }
  }

  // out = a · b (Hamilton product).
  function multiply(out, to, a, i, b, j) {
    const aw = a[i], ax = a[i + 1], ay = a[i + 2], az = a[i + 3];
    const bw = b[j], bx = b[j + 1], by = b[j + 2], bz = b[j + 3];
    out[to] = aw * bw - ax * bx - ay * by - az * bz;
    out[to + 1] = aw * bx + ax * bw + ay * bz - az * by;
    out[to + 2] = aw * by - ax * bz + ay * bw + az * bx;
    out[to + 3] = aw * bz + ax * by - ay * bx + az * bw;
  }

  // out = q v q⁻¹, which is v + w·t + u × t with u the vector part of q and t = 2 u × v.
  function rotate(out, to, q, i, v, j) {
    const w = q[i], x = q[i + 1], y = q[i + 2], z = q[i + 3], vx = v[j], vy = v[j + 1], vz = v[j + 2];
    const tx = 2 * (y * vz - z * vy), ty = 2 * (z * vx - x * vz), tz = 2 * (x * vy - y * vx);
    out[to] = vx + w * tx + y * tz - z * ty;
    out[to + 1] = vy + w * ty + z * tx - x * tz;
    out[to + 2] = vz + w * tz + x * ty - y * tx;
  }

  const TURN = 2 * Math.PI;
  const wrap = (x) => x - TURN * Math.floor((x + Math.PI) / TURN); // into [−π, π)

  // One joint's rotations, [w, x, y, z] at a time, to intrinsic Euler angles in radians that never jump: of the two
  // solutions and all full turns the nearest to the frame before; in gimbal lock the free angle stays. `order` is as
  // "ZXY", which means R = Rz·Rx·Ry. By the reduction to proper Euler angles of Bernardes & Viollet (PLOS ONE 17(11),
  // 2022): with axes i, j, k and s = ±1 for i × j = s·k, q · q_j(−s·π/2) = q_i(a) q_j(b − s·π/2) q_i(c).
  class Euler {
    constructor(order) {
      const [i, j, k] = [...order].map((axis) => 1 + "XYZ".indexOf(axis));
      Object.assign(this, { i, j, k, sign: (j - i + 3) % 3 === 1 ? 1 : -1, sum: 0, difference: 0, before: null });
    }

    next(q) {
      const { i, j, k, sign } = this;
      const pw = q[0] + sign * q[j], pi = q[i] + q[k], pj = q[j] - sign * q[0], pk = q[k] - q[i];
      const forSum = Math.hypot(pw, pi), forDifference = Math.hypot(pj, pk);
      if (forSum >= LOCKED) this.sum = Math.atan2(pi, pw);
      if (forDifference >= LOCKED) this.difference = Math.atan2(sign * pk, pj);
      const middle = 2 * Math.atan2(forDifference, forSum) + (sign * Math.PI) / 2;
      const first = [this.sum + this.difference, middle, this.sum - this.difference];
      const second = [first[0] + Math.PI, Math.PI - middle, first[2] + Math.PI];
      const from = this.before || [0, 0, 0];
      const [near, far] = [first, second].map((angles) => angles.map((angle, axis) => wrap(angle - from[axis])));
      const size = (steps) => steps.reduce((total, step) => total + Math.abs(step), 0);
      const steps = size(far) < size(near) ? far : near;
      this.before = from.map((angle, axis) => angle + steps[axis]);
      return this.before;
    }
  }

  return { Blend, Body, Euler };
})();
