// Curves over one axis, with a table of the same numbers beside them.
//
//   <${Curve} title="Loss" x=${[0, 10]} xName="step" yName="loss" log height=${240}
//      series=${[{name: "loss", values: [1, 0.5], color: "--blue", width: 2, points: false}]} />
//
// `onPick(index)`: called with the row of the point that was clicked. `color`: a variable of style.css. Missing values are null. uPlot is loaded with the first curve.

import {html, useEffect, useRef, useState} from "../vendor/htm-preact.js";
import {formatNumber} from "./format.js";
import {useWidth} from "./image_grid.js";
import {useDarkLook} from "./media.js";

const EMPTY_RANGE = [0.1, 1]; // of a logarithmic axis without positive values
const TABLE_ROWS = 40; // thinned to about this many
let library = null;

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const sheet = Object.assign(document.createElement("link"), {rel: "stylesheet", href: "/page/vendor/uplot.css"});
    const script = Object.assign(document.createElement("script"), {src: "/page/vendor/uplot.js"});
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error("uPlot could not be loaded."));
    document.head.append(sheet, script);
  });
  return library;
}

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Return the range of a logarithmic axis; uPlot gives null or infinite ends where there is no value yet. */
const logRange = (_, low, high) => (low > 0 && Number.isFinite(low) && high >= low ? [low * 0.9, high * 1.1] : EMPTY_RANGE);

/** Return the range of the x axis, with room beside the first and the last point where points are drawn. */
function xRange(low, high, hasPoints) {
  if (!(low < high)) return [low || 0, (low || 0) + 1];
  const room = hasPoints ? (high - low) / 40 : 0;
  return [low - room, high + room];
}

/** Return round values between two positive ones: powers of ten, with 2 and 5 or more where there are few. */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const digits = decades > 2.5 ? [1] : decades > 1 ? [1, 2, 5] : decades > 0.3 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    digits.forEach((digit) => { const tick = digit * 10 ** power; if (tick >= low && tick <= high) ticks.push(tick); });
  }
  return ticks;
}

function optionsOf({series, xName, yName, log, width, height}) {
  const ticks = log ? {splits: (_, index, low, high) => logTicks(low, high), filter: (_, splits) => splits} : {};
  const axis = (label) => ({
    label, labelSize: 20, size: label === yName ? 56 : 36, font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif", stroke: colorOf("--muted"),
    grid: {stroke: colorOf("--line"), width: 1}, ticks: {stroke: colorOf("--line"), width: 1},
    values: (_, splits) => splits.map((value) => (value === null ? "" : formatNumber(value))),
  });
  return {
    width, height,
    legend: {live: true, markers: {width: 2}},
    cursor: {drag: {x: false, y: false}},
    scales: {x: {time: false, range: (_, low, high) => xRange(low, high, series.some((one) => one.points))}, y: log ? {distr: 3, range: logRange} : {}},
    axes: [axis(xName), {...axis(yName), ...ticks}],
    series: [{label: xName, value: (_, value) => formatNumber(value)}, ...series.map((one) => ({
      label: one.name, stroke: colorOf(one.color), width: one.width ?? 1.5, spanGaps: true,
      points: {show: Boolean(one.points), size: 6, fill: colorOf(one.color)},
      value: (_, value) => formatNumber(value),
    }))],
  };
}

export function Curve(props) {
  const {title, x, xName, yName, series, log = false, height = 240} = props;
  const [table, setTable] = useState(false);
  const [box, width] = useWidth();
  const plot = useRef(null);
  const dark = useDarkLook();
  const hasData = x.length > 0;
  const shape = JSON.stringify([series.map((one) => one.name), log, height, table]);
  const data = [x, ...series.map((one) => one.values)];
  const newest = useRef(data);
  newest.current = data;
  const pick = useRef(props.onPick);
  pick.current = props.onPick;
  useEffect(() => {
    if (table || !width || !hasData) return undefined;
    let current = true;
    loadLibrary().then((UPlot) => {
      if (current && box.current) {
        plot.current = new UPlot(optionsOf({series, xName, yName, log, width, height}), newest.current, box.current);
        if (props.onPick) listenForPicks(plot.current, (index) => pick.current(index));
      }
    });
    return () => {
      current = false;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, width > 0, hasData, dark]);
  useEffect(() => plot.current?.setSize({width, height}), [width]);
  useEffect(() => plot.current?.setData(newest.current), [x, series]);
  return html`<figure class="curve">
    <figcaption><span>${title}</span>
      <button type="button" aria-pressed=${table} onClick=${() => setTable(!table)}>Table</button></figcaption>
    <div ref=${box} class="plot" role=${table ? undefined : "img"} aria-label=${table ? undefined : describe(props)}
      style=${{minHeight: table ? "0" : `${height + 32}px`}}></div>
    ${table && html`<${Table} ...${{x, xName, series, title}} />`}
  </figure>`;
}

const REACH = 24; // CSS pixels from a click to the point it means

/** Call `onPick` with the row of the point nearest to a click. */
function listenForPicks(plot, onPick) {
  plot.over.classList.add("pickable");
  plot.over.addEventListener("click", ({offsetX, offsetY}) => {
    let best = {distance: REACH, index: null};
    plot.data[0].forEach((x, index) => plot.data.slice(1).forEach((values) => {
      if (values[index] === null || values[index] === undefined) return;
      const [dx, dy] = [plot.valToPos(x, "x") - offsetX, plot.valToPos(values[index], "y") - offsetY];
      const distance = Math.hypot(dx, dy);
      if (distance < best.distance) best = {distance, index};
    }));
    if (best.index !== null) onPick(best.index);
  });
}

function describe({title, series, x}) {
  const ends = series.map((one) => {
    const known = one.values.filter((value) => value !== null && value !== undefined);
    return known.length ? `${one.name} from ${formatNumber(known[0])} to ${formatNumber(known[known.length - 1])}` : "";
  });
  return `${title}, ${x.length} points: ${ends.filter(Boolean).join(", ")}. The button Table shows the numbers.`;
}

function Table({x, xName, series, title}) {
  const every = Math.max(1, Math.ceil(x.length / TABLE_ROWS));
  const rows = x.map((_, index) => index).filter((index) => index % every === 0 || index === x.length - 1);
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${`Table: ${title}`}><table>
    <thead><tr><th scope="col">${xName}</th>${series.map((one) => html`<th scope="col">${one.name}</th>`)}</tr></thead>
    <tbody>${rows.map((index) => html`<tr key=${index}><th scope="row">${formatNumber(x[index])}</th>
      ${series.map((one) => html`<td>${formatNumber(one.values[index])}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}
