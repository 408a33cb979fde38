// The page from top to bottom. A part that cannot be drawn says so, and the others are drawn all the same.
"use strict";

{
  const { at, element, list, object, text } = report;
  const { data } = report;
  const metrics = object(data.metrics);

  function part(draw, say) {
    try {
      return draw();
    } catch (error) {
      return element("p", { class: "problem" }, `${say} cannot be drawn: ${error.message}`);
    }
  }

  function heading() {
    const script = text(object(data.config).script) || text(object(data.run).script);
    const translation = script.startsWith("vae_rnn.");
    const state = { training: "not finished", stopped: "stopped" }[object(data.run).state];
    at("kicker").textContent = ["Motion Duet", script.slice(0, 60), state].filter(Boolean).join(" · ");
    at("headline").textContent = translation
      ? "How the model answers dancer 1"
      : script.startsWith("vae_rnn_deepfake.") ? "How one dancer becomes the other" : "What was learnt";
    document.title = `${at("headline").textContent} – Motion Duet`;
    at("sentence").textContent = data.sentence;
    const words = [...list(metrics.summary).map((line) => ["", line]), ...list(metrics.advice).map((line) => ["advice", line])];
    for (const [kind, line] of words.filter(([, line]) => text(line))) at("verdict").append(element("li", { class: kind }, text(line)));
  }

  function stage() {
    const close = (why) => {
      at("theatre").hidden = at("cast").hidden = at("presets").hidden = at("stage-note").hidden = true;
      at("no-stage").hidden = false;
      at("no-stage").textContent = why;
    };
    if (!report.clips.length) return close("There are no clips to play: no motion file was found in the folder anims.");
    if (!report.hasWebGL()) {
      return close("This browser shows no 3-D graphics (WebGL). Try another browser, or switch on hardware acceleration in its settings; the GIFs in the folder anims show the clips too.");
    }
    try {
      report.startStage();
    } catch (error) {
      return close(`The stage cannot be set up here: ${error.message}`);
    }
    const { thinned, cut } = data.motion;
    const notes = [];
    if (thinned > 1) notes.push(`One of every ${thinned} frames is shown.`);
    if (cut) notes.push("The clips are long: only their beginning is here, the files have all of it.");
    if (report.clips.every((clip) => clip.still)) notes.push("The files keep the dancers in place, so there is no path to show.");
    if (object(data.run).state === "training") notes.push("A few seconds of what is held out, as the model does it now. The clips come at the end of the run.");
    at("stage-note").textContent = notes.join(" ");
  }

  const SECTIONS = [
    ["Dance through what was learnt", report.live, "The live dance"],
    ["How good it is", report.figures, "The figures"],
    ["How it learnt", report.learning, "The curves"],
    ["The couple", report.couple, "The couple"],
    ["Joint by joint, on what is held out", report.joints, "The joints"],
    ["What the model sees in the movement", report.latent, "The latent map"],
    ["Settings", report.settings, "The settings"],
    ["Files", report.files, "The files"],
    ["What could not be read", report.problems, "The list"],
  ];

  part(heading, "The heading");
  stage();
  for (const [title, draw, say] of SECTIONS) {
    const body = part(draw, say);
    if (body) at("sections").append(element("section", {}, element("h2", {}, title), body));
  }
  at("footer").append(
    element("p", {}, `Written ${data.written}. Everything on this page is in this file; it loads nothing and sends nothing.`),
    element("p", {}, `The stage uses three.js r${THREE.REVISION}, © 2010–2026 three.js authors, under the MIT License.`),
  );
}
