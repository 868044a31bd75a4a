// One chart of gray against stable over time, each with its band; drawn by uPlot.

/* global uPlot */
import { h, setAttr, setText } from "./dom.js";
import { ago } from "./format.js";

const HEIGHT = 168;

// The order of the series. Bands lie below the lines, stable below gray.
const STABLE_LOW = 1;
const STABLE_HIGH = 2;
const GRAY_LOW = 3;
const GRAY_HIGH = 4;
const STABLE = 5;
const GRAY = 6;

/** Chart draws into a figure of the page. format writes a value, axis writes a tick, floor is the least top of the axis. */
export class Chart {
  #plot = null;
  #data = [[], [], [], [], [], [], []];
  #span = 60;
  #top = 1;

  constructor(figure, { format, axis, floor }) {
    this.format = format;
    this.axis = axis;
    this.floor = floor;
    this.area = figure.querySelector(".plot");
    this.pair = figure.querySelector(".pair");
    this.readout = h("p", { class: "readout", "aria-hidden": "true" });
    figure.append(this.readout);
    this.values = {};
    for (const side of ["stable", "gray"]) {
      const value = h("b");
      const band = h("span", { class: "band" });
      this.values[side] = { value, band };
      this.pair.append(h("div", {}, h("dt", {}, h("i", { class: `swatch line ${side}` }), side), h("dd", {}, value, " ", band)));
    }
    new ResizeObserver(() => this.#resize()).observe(this.area);
    for (const query of ["(prefers-color-scheme: dark)", `(resolution: ${devicePixelRatio}dppx)`]) {
      matchMedia(query).addEventListener("change", () => this.#build());
    }
  }

  /**
   * draw shows points [{ago, stable, gray}], each side {value, low, high} or null, over the last `span` seconds; beside the names
   * the figures of the whole span, {stable: {value, band}, gray: ...} as texts; and says `alternative` to who cannot see it.
   */
  draw(points, span, figures, alternative) {
    const column = (pick) => points.map((p) => finite(pick(p)));
    this.#span = span;
    this.#data = [
      points.map((p) => p.ago),
      ...["stable", "gray"].flatMap((side) => [
        column((p) => (Number.isFinite(p[side]?.high) ? p[side].low : null)),
        column((p) => p[side]?.high),
      ]),
      column((p) => p.stable?.value),
      column((p) => p.gray?.value),
    ];
    this.#top = top(this.#data, this.floor);
    for (const side of ["stable", "gray"]) {
      setText(this.values[side].value, figures[side].value);
      setText(this.values[side].band, figures[side].band);
    }
    setAttr(this.area, "aria-label", alternative);
    if (!this.#plot) this.#build();
    else this.#plot.setData(this.#data);
  }

  #build() {
    this.#plot?.destroy();
    this.#plot = null;
    if (this.area.clientWidth > 0) this.#plot = new uPlot(this.#options(), this.#data, this.area);
  }

  #resize() {
    if (!this.#plot) this.#build();
    else if (this.area.clientWidth > 0 && this.area.clientWidth !== this.#plot.width) this.#plot.setSize({ width: this.area.clientWidth, height: HEIGHT });
  }

  #options() {
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour("quiet"), font: `11px ${colour("sans")}`, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    const edge = { width: 0, points: { show: false } };
    const line = (name, dash) => ({ label: name, stroke: colour(name), width: 2, dash, points: { show: false }, spanGaps: false });
    return {
      width: this.area.clientWidth,
      height: HEIGHT,
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: false, range: () => [-this.#span, 0] }, y: { range: () => [0, this.#top] } },
      axes: [
        { ...axis, size: 26, splits: () => this.#ticks(), values: (_, ticks) => ticks.map(ago) },
        { ...axis, size: 58, splits: () => [0, this.#top / 2, this.#top], values: (_, ticks) => ticks.map(this.axis) },
      ],
      // Stable is dashed and gray is not: who does not see the colours can tell them apart.
      series: [{}, edge, edge, edge, edge, line("stable", [5, 3]), line("gray")],
      bands: [
        { series: [STABLE_HIGH, STABLE_LOW], fill: colour("stable-band") },
        { series: [GRAY_HIGH, GRAY_LOW], fill: colour("gray-band") },
      ],
      hooks: { setCursor: [(u) => this.#read(u.cursor.idx)] },
    };
  }

  #ticks() {
    const step = this.#span === 60 ? 15 : this.#span / 5;
    return Array.from({ length: this.#span / step + 1 }, (_, i) => i * step - this.#span);
  }

  #read(index) {
    const when = index === null || index === undefined ? undefined : this.#data[0][index];
    if (when === undefined) return setText(this.readout, "");
    const at = (series) => (this.#data[series][index] === null ? "–" : this.format(this.#data[series][index]));
    return setText(this.readout, `${when === 0 ? "now" : `${ago(when)} ago`}: stable ${at(STABLE)}, gray ${at(GRAY)}`);
  }
}

function finite(n) {
  return Number.isFinite(n) ? n : null;
}

// top is the axis' upper end: all of the lines, and of the bands what leaves the lines readable. A round number, so that it does
// not tremble with every sample.
function top(data, floor) {
  const sorted = (series) => series.flatMap((i) => data[i]).filter((v) => v !== null).sort((a, b) => a - b);
  const lines = sorted([STABLE, GRAY]).at(-1) ?? 0;
  const highs = sorted([STABLE_HIGH, GRAY_HIGH]);
  const bands = highs[Math.floor(highs.length * 0.95)] ?? 0;
  const need = Math.max(lines * 1.1, Math.min(bands, lines * 2.5), floor);
  const unit = 10 ** Math.floor(Math.log10(need));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((m) => m * unit).find((v) => v >= need) ?? need;
}
