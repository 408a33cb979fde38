// Colours that eyes of every kind can tell apart: Okabe and Ito's, as in the GIFs, lighter on a dark page.
"use strict";

{
  const LIGHT = { blue: "#0072b2", red: "#d55e00", green: "#009e73", pink: "#b8578f", sky: "#3d9fd6", orange: "#c98700", ink: "#4d525b" };
  const DARK = { blue: "#56b4e9", red: "#ff8a3d", green: "#2fc79a", pink: "#e39bc4", sky: "#8f9bff", orange: "#f0e442", ink: "#d3d7de" };
  const OF_KIND = {
    recorded: ["blue", "red"],
    translated: ["green", "green"],
    rec_sequences: ["pink", "pink"],
    seq_randwalk: ["sky", "sky"],
    seq_offset: ["orange", "orange"],
    seq_mix: ["ink", "ink"],
  };
  const CONVERTED = { "00": "sky", "11": "orange", "01": "green", "10": "pink" };
  const OTHERS = ["blue", "red", "green", "pink", "sky", "orange", "ink"];
  // from no error to a large one, evenly darker on light and lighter on dark
  const RAMPS = { false: ["#cfd4da", "#e8b04a", "#d55e00", "#7a2300"], true: ["#59606b", "#b9701a", "#ff9a3c", "#fff0b8"] };
  const SCENES = {
    false: { back: "#eceae5", grid: "#c6c2b8", strong: "#a39e92", shadow: "#d3d0c8", sky: "#ffffff", ground: "#b9b2a5" },
    true: { back: "#16181c", grid: "#2c3037", strong: "#474d57", shadow: "#0c0d10", sky: "#e9eef7", ground: "#4a4d55" },
  };

  const named = () => (report.darkness.matches ? DARK : LIGHT);

  report.colourOf = (clip) => {
    const name =
      clip.kind === "converted"
        ? CONVERTED[`${clip.source}${clip.dancer}`]
        : OF_KIND[clip.kind]?.[clip.dancer] || OTHERS[clip.number % OTHERS.length];
    return named()[name];
  };
  report.dancerColour = (dancer) => named()[["blue", "red"][dancer]];
  report.seriesColours = () => ["blue", "red", "green", "pink"].map((name) => named()[name]);
  report.scene = () => SCENES[report.darkness.matches];
  report.ramp = () => RAMPS[report.darkness.matches];

  // Whenever the page turns dark or light, everything that has colours of its own is drawn again.
  report.onColours = (draw) => {
    draw();
    report.darkness.addEventListener("change", draw);
  };
}
