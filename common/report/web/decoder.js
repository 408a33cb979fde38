// The trained decoder: a latent code to a window of rotations. This script runs twice: in the page, and as the code of
// a worker of its own, so that the page goes on drawing while a window is decoded.
//
// Shapes: Z latent, L frames of a window, H units of an LSTM, I its inputs, D = 4·joints. A matrix is kept four of its
// rows at a time, of each number the four in a row: so four sums read memory in order, and share what they multiply.
"use strict";

const decoder = (() => {
  const EPSILON = 1e-8; // of a length that is divided by
  const STEPS = 32767; // of 16 bits, to either side of 0

  // The whole numbers in base64 text of 16 bits each, least significant byte first.
  function unpack(text) {
    const bytes = atob(text), numbers = new Int16Array(bytes.length >> 1);
    for (let i = 0; i < numbers.length; i++) numbers[i] = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
    return numbers;
  }

  // Weights from 16 bits: the cube of a number from −1 to 1, times the largest weight of its tensor.
  const cubed = (numbers, largest) => Float32Array.from(numbers, (number) => largest * (number / STEPS) ** 3);

  // A matrix (rows, columns) in blocks of four rows, the last filled up with zeros; `order[row]` is where a row goes.
  function inFours(matrix, rows, columns, order = (row) => row) {
    const blocks = new Float32Array(4 * Math.ceil(rows / 4) * columns);
    for (let row = 0; row < rows; row++) {
      const place = order(row), start = 4 * (place >> 2) * columns + (place & 3);
      for (let column = 0; column < columns; column++) blocks[start + 4 * column] = matrix[row * columns + column];
    }
    return blocks;
  }

  // out[at + row] = start[from + row] + matrix · x for one vector x (columns), given in fours.
  function multiply(matrix, columns, rows, x, begin, start, from, out, at) {
    let place = 0;
    for (let row = 0; row < rows; row += 4) {
      let a = start[from + row], b = start[from + row + 1], c = start[from + row + 2], d = start[from + row + 3];
      for (let column = 0; column < columns; column++, place += 4) {
        const value = x[begin + column];
        a += matrix[place] * value;
        b += matrix[place + 1] * value;
        c += matrix[place + 2] * value;
        d += matrix[place + 3] * value;
      }
      out[at + row] = a; out[at + row + 1] = b; out[at + row + 2] = c; out[at + row + 3] = d;
    }
  }

  // The same for `count` vectors one after the other, two of them at a time; every one starts from the same `start`.
  function multiplyAll(matrix, columns, rows, x, count, start, out) {
    for (let pair = 0; pair + 1 < count; pair += 2) {
      const first = pair * columns, second = first + columns, at = pair * rows, next = at + rows;
      let place = 0;
      for (let row = 0; row < rows; row += 4) {
        let a = start[row], b = start[row + 1], c = start[row + 2], d = start[row + 3], e = a, f = b, g = c, h = d;
        for (let column = 0; column < columns; column++, place += 4) {
          const u = x[first + column], v = x[second + column];
          const p = matrix[place], q = matrix[place + 1], r = matrix[place + 2], s = matrix[place + 3];
          a += p * u; b += q * u; c += r * u; d += s * u;
          e += p * v; f += q * v; g += r * v; h += s * v;
        }
        out[at + row] = a; out[at + row + 1] = b; out[at + row + 2] = c; out[at + row + 3] = d;
        out[next + row] = e; out[next + row + 1] = f; out[next + row + 2] = g; out[next + row + 3] = h;
      }
    }
    if (count % 2) multiply(matrix, columns, rows, x, (count - 1) * columns, start, 0, out, (count - 1) * rows);
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  // One direction of an LSTM layer (Hochreiter & Schmidhuber, 1997, with forget gates). The four gates of a unit, which
  // are input, forget, cell and output, are the four rows that stand together.
  class Direction {
    constructor(take, inputs, units) {
      const together = (row) => 4 * (row % units) + Math.floor(row / units);
      [this.inputs, this.units] = [inputs, units];
      this.fromInput = inFours(take(4 * units * inputs), 4 * units, inputs, together);
      this.fromBefore = inFours(take(4 * units * units), 4 * units, units, together);
      this.bias = new Float32Array(4 * units);
      for (let bias = 0; bias < 2; bias++) take(4 * units).forEach((value, row) => (this.bias[together(row)] += value));
    }

    // Read `frames` inputs (or one that is the same at every frame), write H outputs a frame at out[frame·width + at].
    run(x, constant, frames, reverse, out, width, at) {
      const { units } = this, rows = 4 * units;
      const given = new Float64Array((constant ? 1 : frames) * rows), gates = new Float64Array(rows);
      multiplyAll(this.fromInput, this.inputs, rows, x, constant ? 1 : frames, this.bias, given);
      const state = new Float64Array(units), cell = new Float64Array(units);
      for (let i = 0; i < frames; i++) {
        const frame = reverse ? frames - 1 - i : i;
        multiply(this.fromBefore, units, rows, state, 0, given, constant ? 0 : frame * rows, gates, 0);
        for (let unit = 0, gate = 0; unit < units; unit++, gate += 4) {
          cell[unit] = sigmoid(gates[gate + 1]) * cell[unit] + sigmoid(gates[gate]) * Math.tanh(gates[gate + 2]);
          state[unit] = sigmoid(gates[gate + 3]) * Math.tanh(cell[unit]);
          out[frame * width + at + unit] = state[unit];
        }
      }
    }
  }

  // Fully connected: out = matrix · x + bias.
  class Dense {
    constructor(take, inputs, outputs) {
      [this.inputs, this.outputs, this.rows] = [inputs, outputs, 4 * Math.ceil(outputs / 4)];
      this.matrix = inFours(take(inputs * outputs), outputs, inputs);
      this.bias = new Float32Array(this.rows);
      this.bias.set(take(outputs));
    }

    run(x, count) {
      const out = new Float64Array(count * this.rows);
      multiplyAll(this.matrix, this.inputs, this.rows, x, count, this.bias, out);
      return out;
    }
  }

  // `shape`: {latent, dense: [sizes], units, layers, bidirectional, pose, frames, largest: [of each tensor]};
  // `numbers`: all parameters in the order in which they are used, of an LSTM layer the forward direction first.
  class Decoder {
    constructor(shape, numbers) {
      let used = 0, tensor = 0;
      const take = (count) => cubed(numbers.subarray(used, (used += count)), shape.largest[tensor++]);
      let size = shape.latent;
      this.dense = shape.dense.map((outputs) => new Dense(take, size, (size = outputs)));
      const directionCount = shape.bidirectional ? 2 : 1;
      this.layers = Array.from({ length: shape.layers }, () => {
        const directions = Array.from({ length: directionCount }, () => new Direction(take, size, shape.units));
        size = directionCount * shape.units;
        return directions;
      });
      this.final = new Dense(take, size, shape.pose);
      if (used !== numbers.length) throw new Error(`the decoder has ${numbers.length} numbers instead of ${used}`);
      this.shape = shape;
    }

    // A code (Z) to unit quaternions w x y z (L · D).
    decode(code) {
      const { frames, pose } = this.shape;
      let x = Float64Array.from(code);
      for (const layer of this.dense) x = layer.run(x, 1).subarray(0, layer.outputs).map((value) => Math.max(value, 0));
      this.layers.forEach((directions, number) => {
        const width = directions.length * directions[0].units, out = new Float64Array(frames * width);
        directions.forEach((direction, place) =>
          direction.run(x, number === 0, frames, place === 1, out, width, place * direction.units));
        x = out;
      });
      const raw = this.final.run(x, frames), window = new Float32Array(frames * pose);
      for (let frame = 0; frame < frames; frame++) {
        for (let i = 0; i < pose; i += 4) normaliseInto(window, frame * pose + i, raw, frame * this.final.rows + i);
      }
      return window;
    }
  }

  function normaliseInto(out, to, from, at) {
    const length = Math.hypot(from[at], from[at + 1], from[at + 2], from[at + 3]);
    for (let i = 0; i < 4; i++) out[to + i] = from[at + i] / Math.max(length, EPSILON);
  }

  // What the worker is told: {shape, weights} once, then {code, number} for every window; each is answered.
  function serve(scope) {
    let model;
    scope.onmessage = ({ data }) => {
      try {
        const start = performance.now();
        if (data.shape) model = new Decoder(data.shape, unpack(data.weights));
        const window = data.code ? model.decode(data.code) : null;
        const answer = { window, number: data.number, milliseconds: performance.now() - start };
        scope.postMessage(answer, window ? [window.buffer] : []);
      } catch (error) {
        scope.postMessage({ problem: error.message });
      }
    };
  }

  return { Decoder, unpack, serve };
})();

if (typeof document === "undefined" && typeof self !== "undefined") decoder.serve(self);
