// Small plots of the last minutes.
import { draw, make } from "./dom.js";

const width = 300, height = 40;

// Plot shows one figure over time: its last value in words, and a line that says where it was.
export class Plot {
  constructor(title, words) {
    this.words = words;
    this.value = make("b", {}, "–");
    this.line = draw("path", {});
    this.element = make("figure", {},
      make("figcaption", {}, make("span", {}, title), this.value),
      draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.line));
  }

  show(values) {
    if (values.length === 0) return;
    const most = Math.max(...values, 1e-9);
    const step = width / Math.max(1, values.length - 1);
    this.line.setAttribute("d", values.map((v, i) => `${i ? "L" : "M"}${(i * step).toFixed(1)} ${(height - 2 - (height - 4) * v / most).toFixed(1)}`).join(""));
    this.value.textContent = this.words(values.at(-1));
    this.value.title = `at most ${this.words(most)}`;
  }
}
