// Curves and bars as SVG, drawn at the size they have on the screen, so that their text stays legible on a phone.
"use strict";

{
  const { element, drawing, isNumber, number, withUnit } = report;
  const HEIGHT = 250;
  const MARGIN = { left: 46, right: 14, top: 12, bottom: 40 };

  // Round numbers between low and high.
  function evenTicks(low, high, count) {
    const raw = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
    const ticks = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step; tick += step) {
      ticks.push(Math.abs(tick) < 1e-9 * step ? 0 : tick);
    }
    return ticks;
  }

  // Powers of ten, and what lies between while there is room.
  function logTicks(low, high) {
    const decades = Math.log10(high / low);
    const factors = decades < 1 ? [1, 1.5, 2, 3, 4, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) {
        const tick = Number(`${factor}e${power}`);
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    return ticks.length > 1 ? ticks : [low, high];
  }

  // How values are laid out from `start` to `stop`, in pixels.
  function scale(low, high, start, stop, log) {
    const to = log ? Math.log : (value) => value;
    const span = to(high) - to(low) || 1;
    return (value) => start + ((to(value) - to(low)) / span) * (stop - start);
  }

  function range(values, log) {
    const low = Math.min(...values), high = Math.max(...values);
    if (log) return low === high ? [low / 1.5, high * 1.5] : [low / 1.06, high * 1.06];
    return [Math.min(low, 0), high * 1.05 || 1];
  }

  // A <figure> with curves over the x values. series: [{name, values, colour, dashed}]; lines: [{name, value}] are
  // levels to compare with.
  report.lineChart = ({ title, about, x, xName, unit = "", log = false, series, lines = [] }) => {
    const usable = (value) => isNumber(value) && (!log || value > 0);
    series = series.filter((one) => one.values.some(usable));
    lines = lines.filter((line) => usable(line.value));
    if (!series.length || !x.length) return null;
    const hidden = new Set();
    const tip = element("div", { class: "tip", hidden: true });
    const svg = drawing("svg", { class: "chart", height: HEIGHT, tabindex: "0", role: "img", "aria-label": inWords() });
    const legend = element("div", { class: "legend", role: "group", "aria-label": "Curves" });
    const caption = element("figcaption", {}, element("b", {}, title), about ? element("span", {}, about) : null);
    const figure = element("figure", { class: "plot" }, caption, element("div", { class: "drawing" }, svg, tip), legend);
    let place, at = -1;

    for (const one of series) {
      const flip = (event) => {
        if (!hidden.delete(one.name)) hidden.add(one.name);
        event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(one.name)));
        draw();
      };
      const line = element("i", { class: one.dashed ? "dashed" : "" });
      legend.append(element("button", { type: "button", "aria-pressed": "true", onclick: flip }, line, one.name));
    }

    function inWords() {
      const last = series.map((one) => `${one.name} ends at ${withUnit(one.values.findLast(usable), unit)}`);
      return `${title}. ${[...last, ...lines.map((line) => `${line.name}: ${withUnit(line.value, unit)}`)].join("; ")}.`;
    }

    function draw() {
      const width = svg.clientWidth || 480;
      const colours = report.seriesColours();
      const shown = series.filter((one) => !hidden.has(one.name));
      const values = shown.flatMap((one) => one.values.filter(usable)).concat(lines.map((line) => line.value));
      const [low, high] = values.length ? range(values, log) : [log ? 0.1 : 0, 1];
      const right = width - MARGIN.right, bottom = HEIGHT - MARGIN.bottom;
      place = { x: scale(x[0], x[x.length - 1], MARGIN.left, right), y: scale(low, high, bottom, MARGIN.top, log) };
      if (x.length === 1) place.x = () => (MARGIN.left + right) / 2;
      svg.replaceChildren();
      for (const tick of log ? logTicks(low, high) : evenTicks(low, high, 5)) {
        const y = place.y(tick);
        svg.append(drawing("line", { class: "rule", x1: MARGIN.left, x2: right, y1: y, y2: y }));
        svg.append(drawing("text", { x: MARGIN.left - 7, y: y + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(3)))));
      }
      const whole = Number.isInteger(x[0]);
      for (const tick of evenTicks(x[0], x[x.length - 1], Math.max(2, width / 90))) {
        if (whole && !Number.isInteger(tick)) continue;
        svg.append(drawing("text", { x: place.x(tick), y: bottom + 18, "text-anchor": "middle" }, String(Number(tick.toPrecision(6)))));
      }
      svg.append(drawing("text", { class: "axis", x: right, y: HEIGHT - 7, "text-anchor": "end" }, xName));
      let above = -Infinity; // the last text's height: texts keep a line's distance
      for (const line of [...lines].sort((a, b) => b.value - a.value)) {
        above = Math.max(place.y(line.value) - 5, above + 15);
        drawLevel(line, right, above);
      }
      shown.forEach((one) => drawCurve(one, colours));
      if (at >= 0) drawCursor(shown, colours);
      colourLegend(colours);
    }

    function drawLevel(line, right, height) {
      const y = place.y(line.value);
      svg.append(drawing("line", { class: "level", x1: MARGIN.left, x2: right, y1: y, y2: y }));
      svg.append(drawing("text", { class: "level", x: right, y: height, "text-anchor": "end" }, `${line.name} ${withUnit(line.value, unit)}`));
    }

    function drawCurve(one, colours) {
      let path = "", dots = 0;
      one.values.forEach((value, i) => {
        if (!usable(value)) return;
        const gap = i === 0 || !usable(one.values[i - 1]);
        path += `${gap ? "M" : "L"}${place.x(x[i]).toFixed(1)} ${place.y(value).toFixed(1)}`;
        dots++;
      });
      const colour = colours[one.colour];
      svg.append(drawing("path", { class: "curve", d: path, stroke: colour, "stroke-dasharray": one.dashed ? "6 4" : null }));
      if (dots > 24) return;
      one.values.forEach((value, i) => {
        if (usable(value)) svg.append(drawing("circle", { cx: place.x(x[i]), cy: place.y(value), r: 2.6, fill: colour }));
      });
    }

    function drawCursor(shown, colours) {
      const left = place.x(x[at]);
      svg.append(drawing("line", { class: "cursor", x1: left, x2: left, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
      for (const one of shown) {
        if (!usable(one.values[at])) continue;
        svg.append(drawing("circle", { cx: left, cy: place.y(one.values[at]), r: 4, fill: colours[one.colour] }));
      }
    }

    function colourLegend(colours) {
      series.forEach((one, i) => (legend.children[i].firstChild.style.borderColor = colours[one.colour]));
    }

    function point(index) {
      at = index;
      tip.hidden = at < 0;
      if (at >= 0) {
        const rows = series.filter((one) => !hidden.has(one.name));
        tip.replaceChildren(
          element("b", {}, `${xName} ${number(x[at]).replace(/\.0+$/, "")}`),
          ...rows.map((one) => element("span", {}, one.name, element("em", {}, withUnit(one.values[at], unit)))),
        );
        const left = place.x(x[at]), flip = left > svg.clientWidth / 2;
        tip.style.transform = `translate(${left + (flip ? -12 : 12)}px, 0) translate(${flip ? "-100%" : "0"}, 0)`;
      }
      draw();
    }

    function nearest(event) {
      const left = event.clientX - svg.getBoundingClientRect().left;
      let best = 0;
      x.forEach((value, i) => {
        if (Math.abs(place.x(value) - left) < Math.abs(place.x(x[best]) - left)) best = i;
      });
      if (best !== at) point(best);
    }

    svg.addEventListener("pointermove", nearest);
    svg.addEventListener("pointerdown", nearest);
    svg.addEventListener("pointerleave", () => point(-1));
    svg.addEventListener("blur", () => point(-1));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      point(Math.min(Math.max(at + step, 0), x.length - 1));
      event.preventDefault();
    });
    let width = 0;
    new ResizeObserver(() => {
      if (svg.clientWidth !== width) draw();
      width = svg.clientWidth;
    }).observe(figure);
    report.onColours(draw);
    return figure;
  };

  // Horizontal bars: [{name, value, note}], longest first.
  report.bars = (rows, unit) => {
    const most = Math.max(...rows.map((row) => row.value), 1e-9);
    const body = rows.map((row) => {
      const bar = element("i", {});
      bar.style.width = `${(100 * row.value) / most}%`;
      return element("tr", {}, element("th", { scope: "row" }, row.name), element("td", { class: "bar" }, bar),
        element("td", { class: "numbers" }, withUnit(row.value, unit)), element("td", { class: "numbers faint" }, row.note || ""));
    });
    return element("table", { class: "bars" }, element("tbody", {}, ...body));
  };
}
