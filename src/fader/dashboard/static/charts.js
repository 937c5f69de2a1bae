// The charts of a rollout: its share as steps with a mark per decision, and per metric both arms with their bands.
// uPlot draws; colours come from the style sheet, so light and dark are one place.
import { now, clockOf } from "./times.js";

const MOST = 1500; // rows per metric that a page keeps; then it starts afresh with what the server has thinned
const GROUP = uPlot.sync("rollout");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const fade = (colour, alpha) => `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`;

const PERCENT = "\u202f%"; // as everywhere on the page: a narrow space that does not break
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800];
let data = null;
const charts = [];

const digits = (x, unit) => {
  if (x == null) return "–";
  if (unit === "%") return `${x < 0.1 ? sure(x * 100, 2) : sure(x * 100, 3)}${PERCENT}`;
  return `${x >= 100 ? Math.round(x).toLocaleString("en") : sure(x, 3)} ${unit}`.trim();
};
const sure = (x, n) => (x ? x.toLocaleString("en", { minimumSignificantDigits: n, maximumSignificantDigits: n }) : "0");
const trim = (x, n) => String(Number(Number(x).toPrecision(n)).toLocaleString("en", { maximumFractionDigits: 6 }));
const share = (ppm) => `${trim(ppm / 10000, 6)}${PERCENT}`;

// Up to where there is something to show; the axis is never shorter than ten seconds.
const reached = () => data.to ?? now();
const end = () => data.to ?? Math.max(now(), data.from + 10);
const range = () => {
  const room = Math.max((end() - data.from) * 0.015, 0.5);
  return [data.from - room, end() + room];
};

function axes(unit, values) {
  const common = {
    stroke: css("--ink-2"), font: `12px ${css("--font")}`,
    grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1, size: 4 },
  };
  const times = (u, ticks, index, space, step) => ticks.map((at) => {
    const date = new Date(at * 1000);
    const shown = { hour: "numeric", minute: "2-digit" };
    if (step < 60) shown.second = "2-digit";
    return step >= 86400 ? date.toLocaleDateString(undefined, { day: "numeric", month: "short" })
      : date.toLocaleTimeString(undefined, shown);
  });
  return [
    { ...common, values: times, space: 96, size: 30, incrs: STEPS },
    { ...common, values: (u, ticks) => ticks.map((v) => values(v)), size: 58, space: 34 },
  ];
}

function build(chart) {
  chart.plot?.destroy();
  chart.width = Math.floor(chart.box.clientWidth);
  const options = {
    width: chart.width, height: chart.box.clientHeight, ms: 1e-3, legend: { show: false },
    padding: [10, 10, 0, 0],
    cursor: { sync: { key: GROUP.key }, drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: { x: { time: true, range }, y: { range: chart.yRange } },
    axes: axes(chart.unit, chart.tick), series: chart.series(), bands: chart.bands?.() ?? [],
    hooks: { setCursor: [(u) => legend(chart, u.cursor.idx)], draw: [(u) => chart.draw?.(u)] },
  };
  chart.plot = new uPlot(options, chart.data(), chart.box);
  legend(chart, null);
}

// One line above the chart, always there: the names, and the numbers under the cursor or the latest ones.
function legend(chart, index) {
  chart.figure.toggleAttribute("data-empty", chart.empty?.() ?? false);
  const parts = chart.words(index ?? chart.lastKnown());
  chart.legend.replaceChildren(...parts.map(([kind, words, band]) => {
    const item = document.createElement("span");
    item.className = `key key-${kind}`;
    const swatch = document.createElement("span");
    swatch.className = "key-line";
    const value = document.createElement("span");
    value.textContent = words;
    item.append(swatch, value);
    if (band) {
      const range = document.createElement("span");
      range.className = "key-band";
      range.textContent = band;
      item.append(range);
    }
    return item;
  }));
}

function shareChart(figure) {
  const chart = base(figure, "%");
  chart.tick = (v) => share(v);
  chart.yRange = (u, low, high) => {
    const top = Math.max(50_000, ...data.steps.map((s) => s.share), data.share);
    return [0, top >= 1_000_000 ? 1_050_000 : top * 1.25];
  };
  chart.data = () => {
    const times = data.steps.map((s) => s.at), shares = data.steps.map((s) => s.share);
    times.push(Math.max(reached(), times.at(-1) ?? 0));
    shares.push(shares.at(-1) ?? data.share);
    return [times, shares];
  };
  chart.series = () => [{}, {
    stroke: css("--cand"), width: 2, fill: fade(css("--cand"), 0.13), points: { show: false },
    paths: uPlot.paths.stepped({ align: 1 }),
  }];
  chart.lastKnown = () => data.steps.length;
  chart.words = (i) => {
    const [times, shares] = chart.data();
    const k = Math.min(i, shares.length - 1);
    return [["cand", `${data.candidate} ${share(shares[k])}`], ["quiet", clockOf(times[k])]];
  };
  chart.draw = (u) => marks(chart, u);
  return chart;
}

// A button per decision on the line. It opens the step in the history.
function marks(chart, u) {
  const over = u.over;
  const held = new Map([...over.querySelectorAll(".mark")].map((m) => [m.dataset.seq, m]));
  let previous = -100;
  for (const step of data.steps) {
    let mark = held.get(String(step.seq));
    if (!mark) {
      mark = document.createElement("a");
      mark.className = "mark";
      mark.dataset.seq = step.seq;
      over.append(mark);
    }
    held.delete(String(step.seq));
    mark.href = `#step-${step.seq}`;
    mark.title = `${clockOf(step.at)} ${step.event.replaceAll("_", " ")}: ${step.reason}`;
    mark.setAttribute("aria-label", `Decision ${step.seq}, ${step.event.replaceAll("_", " ")}`);
    mark.dataset.kind = step.share < step.before ? "down" : step.share > step.before ? "up" : "same";
    const x = u.valToPos(step.at, "x"), y = u.valToPos(Math.max(step.share, step.before), "y");
    mark.style.left = `${x}px`;
    mark.style.top = `${y}px`;
    mark.toggleAttribute("data-close", x - previous < 12);
    previous = x;
  }
  for (const gone of held.values()) gone.remove();
}

function metricChart(figure) {
  const chart = base(figure, "");
  chart.name = figure.dataset.metric;
  const metric = () => data.metrics.find((m) => m.name === chart.name);
  chart.unit = metric()?.unit ?? "";
  chart.tick = (v) => (chart.unit === "%" ? `${trim(v * 100, 4)}${PERCENT}` : `${trim(v, 4)} ${chart.unit}`.trim());
  const limit = (baseline) => {
    const { kind, value } = metric().tolerate;
    return baseline == null ? null : kind === "absolute" ? baseline + value : baseline * (1 + value);
  };
  chart.data = () => {
    // Numbers begin anew with each stage: a gap keeps the line from running across.
    const columns = [[], [], [], [], [], [], [], []];
    let stage = null;
    for (const row of metric()?.rows ?? []) {
      const [at, of, c, cl, ch, b, bl, bh] = row;
      if (stage !== null && of !== stage) {
        columns[0].push(at - 1e-3);
        for (const column of columns.slice(1)) column.push(null);
      }
      stage = of;
      [at, bh, bl, ch, cl, b, c, limit(b)].forEach((value, i) => columns[i].push(value));
    }
    return columns;
  };
  const plain = (stroke, more) => ({ stroke, width: 0, points: { show: false }, ...more });
  chart.series = () => {
    const c = css("--cand"), b = css("--base"), hide = { points: { show: false } };
    return [{}, plain(b), plain(b), plain(c), plain(c),
      { ...hide, stroke: b, width: 2, dash: [7, 4] }, { ...hide, stroke: c, width: 2.25 },
      { ...hide, stroke: css("--ink-2"), width: 1, dash: [2, 3] }];
  };
  chart.bands = () => [
    { series: [1, 2], fill: fade(css("--base"), 0.14) }, { series: [3, 4], fill: fade(css("--cand"), 0.16) },
  ];
  // The lines and the margin set the height; a band that is still wide may leave the picture.
  chart.yRange = (u) => {
    const shown = (i) => (u.data?.[i] ?? []).filter((v) => v != null);
    const lines = [...shown(5), ...shown(6), ...shown(7)];
    if (!lines.length) return chart.unit === "%" ? [0, 0.01] : [0, 100];
    const highest = Math.max(...lines), band = Math.max(highest, ...shown(1), ...shown(3));
    const top = Math.min(band * 1.08, highest * 2.2) || 0.01;
    if (chart.unit === "%") return [0, top];
    const lowest = Math.min(...lines), room = Math.max((highest - lowest) * 0.9, highest * 0.06);
    return [Math.max(0, lowest - room), Math.min(band, highest + room)];
  };
  chart.empty = () => !metric()?.rows.length;
  chart.lastKnown = () => chart.data()[0].length - 1;
  chart.words = (i) => {
    const rows = chart.data();
    const at = (k) => (i >= 0 && i < rows[0].length ? rows[k][i] : null);
    const band = (low, high) => (at(low) == null ? "" : `${digits(at(low), chart.unit)} to ${digits(at(high), chart.unit)}`);
    return [
      ["cand", `${data.candidate} ${digits(at(6), chart.unit)}`, band(4, 3)],
      ["base", `${data.baseline} ${digits(at(5), chart.unit)}`, band(2, 1)],
      ["limit", `tolerated ${digits(at(7), chart.unit)}`],
    ];
  };
  chart.draw = (u) => {
    // Where a stage began.
    const { ctx } = u;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = css("--ink-3");
    ctx.font = `${11 * devicePixelRatio}px ${css("--font")}`;
    ctx.lineWidth = devicePixelRatio;
    let free = 0;
    for (const step of data.steps) {
      if (step.share <= step.before) continue;
      const x = Math.round(u.valToPos(step.at, "x", true)) + 0.5;
      ctx.globalAlpha = 0.55;
      ctx.beginPath(); ctx.moveTo(x, u.bbox.top); ctx.lineTo(x, u.bbox.top + u.bbox.height); ctx.stroke();
      ctx.globalAlpha = 1;
      const words = share(step.share);
      if (x > free && x + ctx.measureText(words).width < u.bbox.left + u.bbox.width) {
        ctx.fillText(words, x + 4 * devicePixelRatio, u.bbox.top + 10 * devicePixelRatio);
        free = x + ctx.measureText(words).width + 10 * devicePixelRatio;
      }
    }
    ctx.restore();
  };
  return chart;
}

function base(figure, unit) {
  return { figure, unit, box: figure.querySelector(".plot"), legend: figure.querySelector(".legend") };
}

function redraw() {
  for (const chart of charts) {
    chart.plot.setData(chart.data());
    if (chart.plot.cursor.idx == null) legend(chart, null);
  }
}

function take(news) {
  if (news.whole || !data || news.attempt !== data.attempt) {
    const other = data && news.attempt !== data.attempt;
    data = news;
    if (other && !news.whole) document.dispatchEvent(new Event("fader:restart"));
    return;
  }
  const held = new Map(data.metrics.map((m) => [m.name, m.rows]));
  data = { ...news, metrics: news.metrics.map((m) => {
    const rows = held.get(m.name) ?? [], last = rows.at(-1)?.[0] ?? -Infinity;
    for (const row of m.rows) if (row[0] > last) rows.push(row);
    return { ...m, rows };
  }) };
  if (data.metrics.some((m) => m.rows.length > MOST)) document.dispatchEvent(new Event("fader:restart"));
}

export function keepCharts(first) {
  data = first;
  for (const figure of document.querySelectorAll("[data-chart]")) {
    charts.push(figure.dataset.chart === "share" ? shareChart(figure) : metricChart(figure));
  }
  charts.forEach(build);
  document.addEventListener("fader:chart", (event) => { take(event.detail); redraw(); });
  const sized = new ResizeObserver(() => {
    for (const chart of charts) {
      if (Math.floor(chart.box.clientWidth) === chart.width) continue;
      chart.width = Math.floor(chart.box.clientWidth);
      chart.plot.setSize({ width: chart.width, height: chart.box.clientHeight });
    }
  });
  charts.forEach((chart) => sized.observe(chart.box));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(build));
  setInterval(() => { if (!document.hidden && data.to == null) redraw(); }, 2000);
  addEventListener("hashchange", reveal);
  reveal();
}

// A link to a step opens its evidence.
function reveal() {
  const step = /^#step-\d+$/.test(location.hash) && document.querySelector(location.hash);
  if (!step) return;
  step.querySelector("details.evidence")?.setAttribute("open", "");
  step.scrollIntoView({ block: "center" });
}
