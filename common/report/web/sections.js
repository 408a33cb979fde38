// What stands below the stage. Each section is drawn from what the run left; one without anything to show says why.
"use strict";

{
  const { element, isNumber, number, withUnit, list, object, text } = report;
  const { data } = report;
  const metrics = object(data.metrics), rows = list(metrics.rows).map(object);
  const MOST_JOINTS = 30;
  const MOST_COLUMNS = 3;

  const aside = (...words) => element("p", { class: "aside" }, ...words);

  // ---- learning

  report.learning = () => {
    const { columns, epochs } = data.history;
    if (!epochs.length) return aside("No history: nothing was trained, or the run kept none.");
    const chart = (title, about, series, more = {}) =>
      report.lineChart({ title, about, x: epochs, xName: "epoch", series, ...more });
    const curve = (column, name, colour, dashed = false) => ({ name, values: columns[column] || [], colour, dashed });
    const shared = ["ae train", "ae test", "ae norm", "ae pos", "ae quat", "ae kld"];
    const added = Object.keys(columns).filter((name) => name.startsWith("ae ") && !shared.includes(name));
    const others = added.map((name, place) => curve(name, name.slice(3), 2 + place, true));
    return element("div", { class: "pair" },
      chart("Loss", "the whole, lower is better", [curve("ae train", "training", 0), curve("ae test", "held out", 1)], { log: true }),
      chart("Its parts in training", "before they are weighted", [
        curve("ae pos", "position (cm)", 1), curve("ae quat", "rotation (rad)", 0),
        curve("ae norm", "unit length", 2), curve("ae kld", "KL", 3, true), ...others], { log: true }),
      chart("Held out: rotation", "how far moving joints are off, in degrees", [curve("held out degrees", "model", 1)],
        { unit: "°", lines: levels("°") }),
      chart("Held out: position", "how far they are off, in centimetres", [curve("held out cm", "model", 1)],
        { unit: "cm", lines: levels("cm") }));
  };

  // The baselines of the first error with a unit, averaged over the conversions that have a recording to compare with.
  function levels(unit) {
    const sums = new Map();
    for (const row of rows) {
      const figure = list(row.figures).map(object).find((one) => one.unit === unit && one.lower_is_better !== false && isNumber(one.model));
      for (const [name, value] of Object.entries(object(figure?.baselines))) {
        const general = name.replace(/ of dancer \d+| dancer \d+/g, "");
        if (isNumber(value)) sums.set(general, [...(sums.get(general) || []), value]);
      }
    }
    return [...sums].map(([name, values]) => ({ name, value: values.reduce((a, b) => a + b) / values.length }));
  }

  // ---- figures

  report.figures = () => {
    if (!rows.length && !list(metrics.conversion).length) {
      return aside("No measures yet: they are taken at the end of a run, on what is held out.");
    }
    const parts = rows.map((row) => {
      const joints = object(row.joints);
      const about = isNumber(joints.moving) ? `${joints.moving} of ${joints.all} joints move` : "";
      return element("div", { class: "table" }, element("h3", {}, text(row.conversion), element("small", {}, about)), table(list(row.figures)));
    });
    if (list(metrics.conversion).length) {
      parts.push(element("div", { class: "table" }, element("h3", {}, "Is it a conversion?"), table(metrics.conversion)));
    }
    const held = isNumber(metrics.held_out_seconds) ? `${number(metrics.held_out_seconds)} s held out` : "";
    const trained = isNumber(metrics.training_seconds) ? `${number(metrics.training_seconds)} s trained on` : "";
    const latent = object(metrics.latent);
    const active = isNumber(latent.active) ? `${latent.active} of ${latent.dimensions} latent dimensions are in use` : "";
    const facts = [held, trained, active].filter(Boolean).join(" · ");
    return element("div", {}, facts ? aside(facts) : null, ...parts);
  };

  function table(figures) {
    figures = figures.map(object);
    const baselines = [...new Set(figures.flatMap((figure) => Object.keys(object(figure.baselines))))];
    const recorded = figures.some((figure) => isNumber(figure.recording));
    const inOne = baselines.length > MOST_COLUMNS;  // where hardly two figures share a baseline, each names its own
    const head = ["", "model", "", ...(inOne ? ["beside it"] : [...baselines, ...(recorded ? ["the recording"] : [])])];
    const body = figures.map((figure) => {
      const others = baselines.map((name) => object(figure.baselines)[name]);
      const cells = inOne ? [element("td", {}, besides(figure))] : [...others, ...(recorded ? [figure.recording] : [])].map((value) =>
        element("td", { class: "numbers" }, isNumber(value) ? withUnit(value, text(figure.unit)) : ""));
      return element("tr", {}, element("th", { scope: "row" }, text(figure.name)),
        element("td", { class: "numbers model" }, withUnit(figure.model, text(figure.unit))),
        element("td", { class: "verdict-cell" }, verdict(figure, others)), ...cells);
    });
    return element("div", { class: "scroll" }, element("table", { class: "figures" },
      element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...body)));
  }

  function besides(figure) {
    const all = [...Object.entries(object(figure.baselines)), ["the recording", figure.recording]];
    return all.filter(([, value]) => isNumber(value)).map(([name, value]) => `${name}: ${withUnit(value, text(figure.unit))}`).join("; ");
  }

  // In words, not by colour alone.
  function verdict(figure, others) {
    const values = others.filter(isNumber);
    if (!values.length || !isNumber(figure.model) || typeof figure.lower_is_better !== "boolean") return null;
    const better = values.filter((value) => (figure.lower_is_better ? figure.model < value : figure.model > value)).length;
    const words = better === values.length ? "better" : better ? "in between" : "no better";
    return element("small", { class: words.replace(" ", "-") }, words);
  }

  // ---- joints

  report.joints = () => {
    const parts = rows.flatMap((row) => {
      const joints = Object.entries(object(row.per_joint)).map(([name, value]) => ({ name, ...object(value) }));
      const moving = joints.filter((joint) => joint.moving !== false && isNumber(joint.degrees));
      moving.sort((a, b) => b.degrees - a.degrees);
      if (!moving.length) return [];
      const bars = moving.slice(0, MOST_JOINTS).map((joint) => ({
        name: joint.name, value: joint.degrees, note: isNumber(joint.centimetres) ? withUnit(joint.centimetres, "cm") : "",
      }));
      const rest = joints.length - bars.length;
      return [element("div", { class: "table" }, element("h3", {}, text(row.conversion)), report.bars(bars, "°"),
        rest ? aside(`${rest} more joints hardly move or are off by less.`) : null)];
    });
    return parts.length ? element("div", { class: "pair" }, ...parts) : null;
  };

  // ---- the couple

  report.couple = () => {
    const duet = object(metrics.duet), x = list(duet.seconds);
    const recorded = object(duet.recorded), generated = object(duet.generated);
    if (!x.length) return null;
    const chart = (title, about, name, unit) =>
      report.lineChart({ title, about, x, xName: "seconds", unit, series: [
        { name: "recorded pair", values: list(recorded[name]), colour: 0 },
        { name: "dancer 1 and the generated dancer 2", values: list(generated[name]), colour: 2 }] });
    return element("div", { class: "pair" }, chart("Distance", "between their hips", "distance", "cm"),
      chart("Facing", "0° is face to face", "facing", "°"));
  };

  // ---- latent map

  report.latent = () => {
    const { latent } = data;
    if (!latent || !latent.count || report.liveNeeds() === "") return null;
    return element("div", {}, aside("Each point is a window of recorded movement; pick one, and it plays. ", ...report.mapWords(latent)),
      report.mapKey(latent), report.latentMap(latent));
  };

  // ---- the run, files, problems

  report.settings = () => {
    const rows = data.settings.map(([meaning, value, name]) =>
      element("div", {}, element("dt", {}, meaning, element("code", {}, name)), element("dd", {}, value)));
    const run = object(data.run);
    const versions = ["python", "torch"].filter((name) => text(run[name])).map((name) => `${name} ${run[name]}`).join(", ");
    if (!rows.length && !versions) return aside("The run left no settings.");
    return element("div", {}, element("dl", { class: "settings" }, ...rows),
      versions ? aside(versions) : null);
  };

  const size = (bytes) => (bytes < 1e5 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  report.files = () => {
    if (!data.files.length) return null;
    const folders = new Map();
    for (const file of data.files) {
      const folder = file.path.length > 1 ? file.path[0] : "";
      folders.set(folder, [...(folders.get(folder) || []), file]);
    }
    const link = (file) => element("li", {},
      element("a", { href: `./${file.path.map(encodeName).join("/")}` }, file.path[file.path.length - 1]),
      element("small", {}, size(file.bytes)));
    const lists = [...folders].map(([folder, files]) => element("details", {},
      element("summary", {}, folder ? `${folder} ` : "settings ", element("small", {}, `${files.length}`)), element("ul", { class: "files" }, ...files.map(link))));
    return element("div", {}, aside(data.folder), ...lists);
  };

  // A name of half a character, which no link can hold, becomes one that leads nowhere.
  function encodeName(name) {
    try {
      return encodeURIComponent(name);
    } catch {
      return "_";
    }
  }

  report.problems = () => {
    if (!data.problems.length) return null;
    return element("ul", { class: "problems" }, ...data.problems.map((problem) => element("li", {}, problem.slice(0, 500))));
  };
}
