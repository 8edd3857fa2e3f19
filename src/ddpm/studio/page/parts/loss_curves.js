// Live loss of a run: each step, by noise level, and held-out. <${LossCurves} id=${run.id} live=${true} />

import {html, useEffect, useMemo, useState} from "../vendor/htm-preact.js";
import {Toggle} from "./fields.js";
import {Curve} from "./curve.js";
import {ErrorMessage} from "./messages.js";
import {get} from "./client.js";
import {listen} from "./live.js";

const BANDS = ["--band-1", "--band-2", "--band-3", "--band-4"];
const EMPTY = {steps: [], loss: [], loss_name: "loss", others: {}, by_level: {names: [], rows: []}, heldout: [], warnings: []};

/** Return the metrics with the rows that came later appended. */
function append(old, rows) {
  if (!rows.steps.length && !rows.heldout.length) return old;
  const others = Object.entries(rows.others || {}).map(([key, values]) => [key, [...(old.others[key] || []), ...values]]);
  return {
    steps: [...old.steps, ...rows.steps], loss: [...old.loss, ...rows.loss], loss_name: rows.loss_name || old.loss_name,
    others: Object.fromEntries(others.length ? others : Object.entries(old.others)),
    by_level: {names: rows.by_level.names, rows: [...old.by_level.rows, ...rows.by_level.rows]},
    heldout: [...old.heldout, ...rows.heldout], warnings: [...old.warnings, ...(rows.warnings || [])],
  };
}

/** Hook: the metrics of a run; each event of the run fetches the rows that are new. */
export function useMetrics(id) {
  const [metrics, setMetrics] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    let known = EMPTY;
    let fetching = false;
    const fetchRows = async () => {
      if (fetching) return;
      fetching = true;
      const after = known.steps.length ? known.steps[known.steps.length - 1] : -1;
      try {
        known = append(known, await get(`/api/runs/${encodeURIComponent(id)}/metrics?after=${after}`, {signal: abort.signal}));
        setMetrics(known);
        setError(null);
      } catch (failure) {
        if (failure.name !== "AbortError") setError(failure);
      }
      fetching = false;
    };
    const restart = () => { known = EMPTY; fetchRows(); };
    const stops = [listen("run", (card) => card.id === id && fetchRows()), listen("reset", restart)];
    fetchRows();
    return () => { abort.abort(); stops.forEach((stop) => stop()); };
  }, [id]);
  return {metrics, error};
}

/** Return a running mean over about a fiftieth of the values, as the plots of a run show it. */
export function runningMean(values) {
  const keep = 1 - 1 / Math.max(1, Math.min(200, values.length / 50));
  let mean = null;
  return values.map((value) => {
    if (value === null || value === undefined) return mean;
    mean = mean === null ? value : keep * mean + (1 - keep) * value;
    return mean;
  });
}

export function LossCurves({id}) {
  const {metrics, error} = useMetrics(id);
  const [log, setLog] = useState(true);
  const main = useMemo(() => (metrics ? lossSeries(metrics) : []), [metrics]);
  const bands = useMemo(() => (metrics ? bandSeries(metrics) : []), [metrics]);
  if (error) return html`<${ErrorMessage} error=${error} />`;
  const steps = metrics?.steps || [];
  return html`<section class="panel" aria-label="Loss">
    <div class="between"><h2>Loss</h2><${Toggle} label="logarithmic" checked=${log} onChange=${setLog} /></div>
    ${metrics && !steps.length && html`<p class="muted">The loss appears here with the first step.</p>`}
    <${Curve} title="Loss of each step, its running mean and the held-out loss" x=${steps} xName="step" yName="loss" log=${log} series=${main} />
    ${bands.length > 0 && html`<${Curve} title="By noise level, running mean" x=${steps} xName="step" yName="loss" log=${log} series=${bands} height=${200} />`}
    ${metrics?.warnings.length > 0 && html`<ul class="plain">${metrics.warnings.map((one) => html`<li key=${`${one.step} ${one.sentence}`}>Step ${one.step}: ${one.sentence}</li>`)}</ul>`}
  </section>`;
}

function lossSeries({steps, loss, loss_name: name, others, heldout}) {
  const places = new Map(heldout);
  const words = (key) => key.replaceAll("_", " ");
  const series = [
    {name: words(name), values: loss, color: "--edge", width: 0.75},
    {name: "running mean", values: runningMean(loss), color: "--blue", width: 2},
    ...Object.entries(others).map(([key, values]) => ({name: words(key), values: runningMean(values), color: "--green", width: 2})),
  ];
  if (heldout.length) series.push({name: "held-out", values: steps.map((step) => places.get(step) ?? null), color: "--vermilion", width: 2, points: true});
  return series;
}

function bandSeries({by_level: levels}) {
  if (!levels.rows.some(Boolean)) return [];
  return levels.names.map((name, band) => ({
    name, color: BANDS[Math.floor((band * BANDS.length) / levels.names.length)], width: 2,
    values: runningMean(levels.rows.map((row) => row?.[band] ?? null)),
  }));
}
