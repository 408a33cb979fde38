// The latent map as an instrument: where the pointer leads, which windows it mixes, its recorded path, and the code.
"use strict";

{
  const { drawing } = report;
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const STEP = 10; // pixels that an arrow key moves the pointer
  const STRIDE = 40; // and with shift

  report.LeadMap = class extends report.PointMap {
    // `onLead(place)` is told where the pointer leads, and null when it lets go.
    constructor(latent, guide, onLead) {
      super(latent, "Latent map. Arrow keys lead the dance over it, space plays and pauses.");
      Object.assign(this, { guide, onLead, onSpace: () => {}, led: null, events: [], code: null });
      this.trail = drawing("polyline", { class: "path" });
      this.ties = drawing("g", { class: "ties" });
      this.codeMark = drawing("circle", { class: "code", r: 6 });
      this.marker = drawing("circle", { class: "marker", r: 11 });
      this.svg.append(this.trail, this.ties, this.codeMark, this.marker);
      this.listen();
    }

    lay() {
      super.lay();
      this.drawLead();
      this.drawPath();
      this.drawCode();
    }

    // ---- what it shows

    showLead(place) {
      this.led = place;
      this.drawLead();
    }

    showPath(events) {
      this.events = events;
      this.drawPath();
    }

    showCode(code) {
      this.code = code;
      this.drawCode();
    }

    // A ring where the pointer is, and lines to the windows that it mixes, the stronger the more they count.
    drawLead() {
      this.marker.style.display = this.led ? "" : "none";
      this.ties.replaceChildren();
      if (!this.led) return;
      const [x, y] = this.spot(...this.led);
      this.marker.setAttribute("cx", x);
      this.marker.setAttribute("cy", y);
      this.ties.append(...this.guide.near.map(([point, weight]) => {
        const [x2, y2] = this.spotOf(point);
        return drawing("line", { x1: x, y1: y, x2, y2, "stroke-opacity": Math.min(0.15 + weight, 1).toFixed(2) });
      }));
    }

    drawPath() {
      const places = this.events.flatMap(({ place }) => (place ? [place] : []));
      const spots = places.map((place) => this.spot(...place).map((value) => value.toFixed(1)).join());
      this.trail.setAttribute("points", spots.join(" "));
    }

    // Where the map has the code that is danced: beside the pointer, since the map shows two directions of many.
    drawCode() {
      this.codeMark.style.display = this.code ? "" : "none";
      if (!this.code) return;
      const [x, y] = this.spot(...this.guide.placeOf(this.code));
      this.codeMark.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }

    // ---- what a user does

    listen() {
      const { svg } = this, under = (event) => this.place(...this.spotUnder(event));
      svg.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        svg.setPointerCapture(event.pointerId);
        this.onLead(under(event));
      });
      svg.addEventListener("pointermove", (event) => {
        if (svg.hasPointerCapture(event.pointerId)) this.onLead(under(event));
      });
      for (const kind of ["lostpointercapture", "blur"]) svg.addEventListener(kind, () => this.onLead(null));
      svg.addEventListener("keydown", (event) => this.onKey(event));
      svg.addEventListener("keyup", ({ key }) => key in STEPS && this.onLead(null));
    }

    onKey(event) {
      const direction = STEPS[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (direction) {
        const [x, y] = this.spot(...(this.led || this.guide.placeOf(this.guide.base)));
        const step = event.shiftKey ? STRIDE : STEP, inside = (value, most) => Math.min(Math.max(value, 0), most);
        const next = [inside(x + step * direction[0], this.width), inside(y + step * direction[1], this.height)];
        this.onLead(this.place(...next));
      } else if (event.key === " ") this.onSpace();
      else if (event.key === "Escape") this.onLead(null);
      else return;
      event.preventDefault();
    }
  };
}
