// Three lines over the last quarter of an hour, from when the page was opened: how much came, how fast it was safe, who was blind.
import { html, useEffect, useRef } from "../html.js";
import { count, millis, moment } from "../format.js";
import { Panel } from "../frame.js";
import { chart } from "../store.js";
import uPlot from "../../vendor/uplot.js";

const HEIGHT = 150;
const LEAST = 120; // seconds that the axis shows however new the page is
const blindOf = (point) => (Array.isArray(point.blind) ? point.blind : []);

const CHARTS = [
  {
    id: "rate",
    title: "Events per second",
    series: [{ label: "events/s", value: (p) => p.events_per_s, color: "--accent", fill: true }],
    said: (p) => (p.events_per_s === null ? "–" : `${count(Math.round(p.events_per_s * 10) / 10)}`),
    axis: (v) => count(v),
    least: 1,
  },
  {
    id: "latency",
    title: "Event to commit",
    series: [
      { label: "p99", value: (p) => p.p99_ms, color: "--accent" },
      { label: "p50", value: (p) => p.p50_ms, color: "--muted", dash: [4, 3] },
    ],
    said: (p) => `p50 ${millis(p.p50_ms)}, p99 ${millis(p.p99_ms)}`,
    axis: (v) => `${v} ms`,
    least: 1,
  },
  {
    id: "blind",
    title: "Blind accounts",
    series: [{ label: "blind", value: (p) => blindOf(p).length, color: "--bad", fill: true, steps: true }],
    said: (p) => blindOf(p).join(", ") || "none",
    axis: (v) => (Number.isInteger(v) ? String(v) : ""),
    least: 1,
  },
];

export function Charts() {
  const points = chart.value;
  return html`<${Panel} id="charts" title="Pace"
    note="since this page was opened, 15 minutes at most" wide rows=${points}
    empty="Nothing to draw yet. The first point comes within a second or two.">
    <div class="charts">${CHARTS.map((spec) => html`<${Chart} key=${spec.id} spec=${spec} points=${points} />`)}</div>
  <//>`;
}

function Chart({ spec, points }) {
  const box = useRef(null);
  const plot = useRef(null);
  const latest = points.at(-1);
  useEffect(() => {
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(spec, box.current), dataOf(spec, chart.value), box.current);
    };
    make();
    const watch = new ResizeObserver(([entry]) => plot.current.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT }));
    watch.observe(box.current);
    window.addEventListener("themechange", make);
    return () => {
      watch.disconnect();
      window.removeEventListener("themechange", make);
      plot.current.destroy();
    };
  }, []);
  useEffect(() => plot.current.setData(dataOf(spec, points)), [points]);
  return html`<figure>
    <figcaption><span>${spec.title}</span><b>${spec.said(latest)}</b></figcaption>
    <div ref=${box} class="plot" role="img" aria-label=${`${spec.title}, now: ${spec.said(latest)}`}></div>
  </figure>`;
}

const dataOf = (spec, points) => [points.map((p) => p.at / 1000), ...spec.series.map((one) => points.map((p) => one.value(p) ?? null))];

/** The colour that a name stands for just now, in this theme. */
function colour(name, alpha = "") {
  const probe = document.createElement("i");
  probe.style.color = alpha ? `color-mix(in srgb, var(${name}) ${alpha}, transparent)` : `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function options(spec, element) {
  const axis = { stroke: colour("--muted"), font: "11px Inter, system-ui, sans-serif", ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    width: Math.max(120, Math.floor(element.clientWidth)),
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { range: (_, from, to) => [Math.min(from, to - LEAST), to] },
      y: { range: (_, __, most) => [0, Math.max(spec.least, (most ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 84, values: (_, ticks) => ticks.map((t) => moment(t * 1000).slice(-8)) },
      { ...axis, size: 52, space: 34, values: (_, ticks) => ticks.map(spec.axis) },
    ],
    series: [
      {},
      ...spec.series.map((one) => ({
        label: one.label,
        stroke: colour(one.color),
        width: 1.5,
        dash: one.dash,
        fill: one.fill ? colour(one.color, "14%") : undefined,
        paths: one.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: { show: false },
      })),
    ],
  };
}
