// A dancer on the stage: bones and joints as instances of one shape each, a shadow, and trails. A frame writes into
// arrays that are there already; nothing is made anew.
"use strict";

{
  const TAPER = 0.93; // how thick a bone still is at its end
  const ROUNDER = 1.02; // a joint than its bones, whose ends are not to shine through
  const TRAIL_POINTS = 60;
  const TRAIL_SECONDS = 1.6;
  const TRAIL_WIDTH = 0.012; // metres, at its newer end
  const SHADOW_HEIGHT = 0.004;
  const HEAD_RADIUS = 0.085;
  const white = new THREE.Color("#ffffff");

  const boneShape = new THREE.CylinderGeometry(TAPER, 1, 1, 10, 1, true).translate(0, 0.5, 0);
  const jointShape = new THREE.SphereGeometry(1, 12, 9);
  const up = new THREE.Vector3(), side = new THREE.Vector3(), front = new THREE.Vector3();

  // Thick where much of the body hangs on a bone: its radius follows the length of all bones from it on.
  const radiusOf = (below) => Math.min(Math.max(0.043 * Math.sqrt(below), 0.007), 0.062);

  // A matrix (16 numbers from `at`) that lays the unit bone from a to b.
  function layBone(out, at, positions, a, b, radius) {
    up.set(positions[b] - positions[a], positions[b + 1] - positions[a + 1], positions[b + 2] - positions[a + 2]);
    const length = up.length();
    if (length < 1e-6) up.set(0, 1e-6, 0);
    side.set(Math.abs(up.y) > 0.9 * length ? 1 : 0, Math.abs(up.y) > 0.9 * length ? 0 : 1, 0);
    front.crossVectors(side, up).setLength(radius);
    side.crossVectors(up, front).setLength(radius);
    out[at] = side.x; out[at + 1] = side.y; out[at + 2] = side.z;
    out[at + 4] = up.x; out[at + 5] = up.y; out[at + 6] = up.z;
    out[at + 8] = front.x; out[at + 9] = front.y; out[at + 10] = front.z;
    out[at + 12] = positions[a]; out[at + 13] = positions[a + 1]; out[at + 14] = positions[a + 2];
    out[at + 15] = 1;
  }

  function placeBall(out, at, x, y, z, radius) {
    out[at] = out[at + 5] = out[at + 10] = radius;
    out[at + 12] = x; out[at + 13] = y; out[at + 14] = z;
    out[at + 15] = 1;
  }

  report.Figure = class {
    constructor(clip, scene) {
      this.clip = clip;
      this.scene = scene;
      const count = clip.jointCount, { parents, head } = clip.skeleton;
      this.positions = new Float32Array(3 * count);
      this.ideal = new Float32Array(3 * count); // of the recording that it is compared with
      this.errors = new Float32Array(count);
      this.offset = new THREE.Vector3();
      this.measureBones();
      this.bones = this.instances(boneShape, this.boneEnds.length);
      this.balls = this.instances(jointShape, count);
      this.headEnd = head >= 0 ? parents.indexOf(head) : -1;
      this.trails = this.makeTrails();
      this.recolour();
    }

    // Which bones there are, and how thick; two joints at one place have none between them.
    measureBones() {
      const { parents } = this.clip.skeleton;
      this.clip.pose(this.positions, 0, true);
      this.boneEnds = [];
      this.ballRadii = new Float32Array(parents.length);
      const lengths = parents.map((parent, joint) => {
        const a = 3 * Math.max(parent, 0), b = 3 * joint, p = this.positions;
        return parent < 0 ? 0 : Math.hypot(p[b] - p[a], p[b + 1] - p[a + 1], p[b + 2] - p[a + 2]);
      });
      const below = [...lengths];
      for (let joint = parents.length - 1; joint > 0; joint--) below[parents[joint]] += below[joint];
      parents.forEach((parent, joint) => {
        if (parent < 0 || lengths[joint] < 0.004) return;
        const radius = radiusOf(below[joint]);
        this.boneEnds.push([parent, joint, radius]);
        this.ballRadii[parent] = Math.max(this.ballRadii[parent], ROUNDER * radius);
        this.ballRadii[joint] = Math.max(this.ballRadii[joint], ROUNDER * TAPER * radius);
      });
    }

    instances(shape, count) {
      const material = new THREE.MeshLambertMaterial({ fog: false });
      const mesh = new THREE.InstancedMesh(shape, material, count);
      mesh.instanceColor = new THREE.InstancedBufferAttribute(new Float32Array(3 * count), 3);
      mesh.instanceMatrix.array.fill(0);
      const shadow = new THREE.InstancedMesh(shape, new THREE.MeshBasicMaterial(), count);
      shadow.instanceMatrix = mesh.instanceMatrix; // the same bones, pressed onto the floor
      shadow.matrixAutoUpdate = false;
      shadow.matrix.makeScale(1, 1e-4, 1).setPosition(0, SHADOW_HEIGHT, 0);
      for (const part of [mesh, shadow]) {
        part.frustumCulled = false;
        part.instanceMatrix.setUsage(THREE.DynamicDrawUsage);
        this.scene.add(part);
      }
      mesh.shadow = shadow;
      return mesh;
    }

    // One ribbon for each joint that may leave a trail, all in one geometry.
    makeTrails() {
      const { marks } = this.clip.skeleton;
      this.trailJoints = [...marks.hands, ...marks.feet, ...marks.hips];
      this.trailKinds = ["hands", "feet", "hips"].flatMap((kind) => marks[kind].map(() => kind));
      const count = this.trailJoints.length * TRAIL_POINTS;
      const geometry = new THREE.BufferGeometry();
      const colours = new Float32Array(8 * count), index = [];
      for (let i = 0; i < count; i++) {
        if ((i + 1) % TRAIL_POINTS) index.push(2 * i, 2 * i + 1, 2 * i + 2, 2 * i + 1, 2 * i + 3, 2 * i + 2);
        const fade = 1 - (i % TRAIL_POINTS) / (TRAIL_POINTS - 1);
        colours[8 * i + 3] = colours[8 * i + 7] = 0.85 * fade;
      }
      geometry.setIndex(index);
      geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(6 * count), 3));
      geometry.setAttribute("color", new THREE.BufferAttribute(colours, 4));
      const material = new THREE.MeshBasicMaterial({
        vertexColors: true, transparent: true, side: THREE.DoubleSide, depthWrite: false,
      });
      const mesh = new THREE.Mesh(geometry, material);
      mesh.frustumCulled = false;
      this.scene.add(mesh);
      return mesh;
    }

    // The dancer's own colour, the left limbs lighter; also for the trails and the shadow.
    recolour() {
      this.colour = new THREE.Color(report.colourOf(this.clip));
      this.ramp = report.ramp().map((colour) => new THREE.Color(colour));
      const shade = this.colour.clone();
      this.jointColours = this.clip.skeleton.sides.map((limb) => {
        shade.copy(this.colour).lerp(white, limb === 1 ? 0.32 : 0);
        return [shade.r, shade.g, shade.b];
      });
      const colours = this.trails.geometry.attributes.color;
      for (let i = 0; i < colours.count; i++) colours.setXYZ(i, this.colour.r, this.colour.g, this.colour.b);
      colours.needsUpdate = true;
      for (const mesh of [this.bones, this.balls]) mesh.shadow.material.color.set(report.scene().shadow);
      this.coloured = false;
    }

    show(visible) {
      for (const mesh of [this.bones, this.balls]) mesh.visible = mesh.shadow.visible = visible;
      this.trails.visible = visible && this.trails.visible;
      this.visible = visible;
    }

    // Everything at a time in seconds. `options`: inPlace, trails (kind, "all" or ""), errors (cm at the ramp's end, or
    // 0). `eye` is where the camera is.
    update(seconds, options, eye) {
      const { clip, positions, offset } = this;
      clip.pose(positions, seconds, options.inPlace);
      for (let at = 0; at < positions.length; at += 3) {
        positions[at] += offset.x;
        positions[at + 2] += offset.z;
      }
      const bones = this.bones.instanceMatrix.array, balls = this.balls.instanceMatrix.array;
      for (let i = 0; i < this.boneEnds.length; i++) {
        const bone = this.boneEnds[i];
        layBone(bones, 16 * i, positions, 3 * bone[0], 3 * bone[1], bone[2]);
      }
      for (let joint = 0; joint < clip.jointCount; joint++) {
        const at = 3 * joint;
        placeBall(balls, 16 * joint, positions[at], positions[at + 1], positions[at + 2], this.ballRadii[joint]);
      }
      this.placeHead(balls);
      this.bones.instanceMatrix.needsUpdate = this.balls.instanceMatrix.needsUpdate = true;
      this.colourJoints(seconds, options.errors);
      this.trails.visible = this.visible && options.trails !== "";
      if (this.trails.visible) this.layTrails(seconds, options, eye);
    }

    placeHead(balls) {
      const { head } = this.clip.skeleton;
      if (head < 0) return;
      const a = 3 * head, b = 3 * (this.headEnd < 0 ? head : this.headEnd), p = this.positions;
      const x = (p[a] + p[b]) / 2, y = (p[a + 1] + p[b + 1]) / 2, z = (p[a + 2] + p[b + 2]) / 2;
      placeBall(balls, 16 * head, x, y, z, HEAD_RADIUS);
    }

    // By their distance from the recording if that is asked for and there is one, else in the dancer's own colour.
    colourJoints(seconds, end) {
      const recording = end > 0 && this.clip.compare >= 0 ? report.clips[this.clip.compare] : null;
      if (!recording && this.coloured) return;
      this.meanError = recording
        ? report.errorsOf(this.clip, recording, seconds, this.errors, this.positionsToCompare(), this.ideal)
        : undefined;
      for (let joint = 0; joint < this.clip.jointCount; joint++) {
        this.paint(this.balls, joint, joint, recording, end);
      }
      for (let i = 0; i < this.boneEnds.length; i++) this.paint(this.bones, i, this.boneEnds[i][1], recording, end);
      this.balls.instanceColor.needsUpdate = this.bones.instanceColor.needsUpdate = true;
      this.coloured = !recording;
    }

    positionsToCompare() {
      this.compared = this.compared || new Float32Array(this.positions.length);
      return this.compared;
    }

    paint(mesh, instance, joint, recording, end) {
      const out = mesh.instanceColor.array, at = 3 * instance;
      if (!recording) {
        const colour = this.jointColours[joint];
        out[at] = colour[0]; out[at + 1] = colour[1]; out[at + 2] = colour[2];
        return;
      }
      const place = Math.min(this.errors[joint] / end, 0.9999) * (this.ramp.length - 1);
      const low = this.ramp[Math.floor(place)], high = this.ramp[Math.floor(place) + 1];
      const share = place - Math.floor(place);
      out[at] = low.r + share * (high.r - low.r);
      out[at + 1] = low.g + share * (high.g - low.g);
      out[at + 2] = low.b + share * (high.b - low.b);
    }

    // Ribbons that turn their flat side to the camera.
    layTrails(seconds, options, eye) {
      const attribute = this.trails.geometry.attributes.position, out = attribute.array;
      for (let trail = 0; trail < this.trailJoints.length; trail++) {
        const first = 6 * trail * TRAIL_POINTS;
        const shown = options.trails === "all" || options.trails === this.trailKinds[trail];
        if (!shown) {
          out.fill(0, first, first + 6 * TRAIL_POINTS);
          continue;
        }
        for (let i = 0; i < TRAIL_POINTS; i++) {
          const then = Math.max(seconds - (i * TRAIL_SECONDS) / (TRAIL_POINTS - 1), 0);
          this.clip.joint(out, first + 6 * i, this.trailJoints[trail], then, options.inPlace);
          out[first + 6 * i] += this.offset.x;
          out[first + 6 * i + 2] += this.offset.z;
        }
        this.widen(out, first, eye);
      }
      attribute.needsUpdate = true;
    }

    widen(out, first, eye) {
      for (let i = 0; i < TRAIL_POINTS; i++) {
        const at = first + 6 * i;
        const to = i + 1 < TRAIL_POINTS ? at + 6 : at;
        up.set(out[to] - out[at], out[to + 1] - out[at + 1], out[to + 2] - out[at + 2]);
        if (up.lengthSq() > 1e-10) {
          side.set(out[at] - eye.x, out[at + 1] - eye.y, out[at + 2] - eye.z).cross(up);
          if (side.lengthSq() > 1e-12) front.copy(side).setLength(TRAIL_WIDTH);
        } else if (i === 0) front.set(0, 0, 0);
        const width = 1 - (0.8 * i) / TRAIL_POINTS;
        for (let axis = 0; axis < 3; axis++) {
          const middle = out[at + axis], reach = width * front.getComponent(axis);
          out[at + axis] = middle + reach;
          out[at + 3 + axis] = middle - reach;
        }
      }
    }
  };
}
