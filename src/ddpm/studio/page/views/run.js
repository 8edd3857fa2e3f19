// One run: live loss, previews through time, scores, the doctor's findings, commands, and what can be done with it.

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {post, useResource} from "../parts/client.js";
import {CommandLine} from "../parts/command_line.js";
import {NumberField} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {useEvent} from "../parts/live.js";
import {JobLine} from "../parts/job_line.js";
import {LossCurves} from "../parts/loss_curves.js";
import {EmptyState, ErrorMessage, Progress} from "../parts/messages.js";
import {Previews} from "../parts/previews.js";
import {RunState, progressText} from "../parts/run_state.js";
import {isActive, useJob} from "../parts/working_now.js";

export const title = "Run";

const pathOf = (id) => `/api/runs/${encodeURIComponent(id)}`;

/** Hook: a run, kept up to date while it trains. `card` stands for a run whose folder does not exist yet. */
function useRun(id) {
  const {value, error, setValue, reload} = useResource(id ? pathOf(id) : null);
  const cards = useResource(error && !value ? "/api/runs" : null);
  useEvent("run", (card) => {
    if (card.id !== id) return;
    const grown = !value || card.preview !== value.preview || card.state !== value.state;
    setValue((old) => (old ? {...old, ...card} : old));
    if (grown) reload(); // it began, or has a new preview or another state: scores, findings and buttons change
    if (!value) cards.reload();
  });
  useEvent("job", ({job}) => { if (job.run === id && !isActive(job)) reload(); });
  return {run: value, error, reload, card: (cards.value || []).find((card) => card.id === id)};
}

export function View({params, change, setTitle}) {
  const {run, error, reload, card} = useRun(params.id);
  useEffect(() => { if (run) setTitle(`Run ${run.name}`); }, [run?.name]);
  if (!params.id) return html`<${EmptyState} title="Which run?" action=${html`<a class="button" href=${addressOf("runs")}>All runs</a>`}>Choose a run from the list.<//>`;
  if (!run && card) return html`<${Overview} run=${card} />`;
  if (error && !run) return html`<${ErrorMessage} error=${error} />`;
  if (!run) return null;
  const step = params.step === undefined ? null : Number(params.step);
  return html`<div class="stack">
    <${Overview} run=${run} />
    <${Actions} run=${run} reload=${reload} params=${params} change=${change} />
    <div class="columns wide-right">
      <${LossCurves} id=${run.id} />
      <${Previews} run=${run} step=${step} onStep=${(next) => change({step: next})} />
    </div>
    <div class="columns wide-right">
      <${Scores} run=${run} />
      <${Findings} run=${run} />
    </div>
    <div class="columns wide-right">
      <section class="panel" aria-label="Commands"><h2>Commands that reproduce it</h2>
        ${(run.commands || []).map((command) => html`<${CommandLine} key=${command} command=${command} />`)}</section>
      <${Settings} run=${run} />
    </div>
    <${Pictures} run=${run} />
    ${run.output && html`<details><summary>Output of the training</summary><pre class="output" tabindex="0">${run.output}</pre></details>`}
  </div>`;
}

function Overview({run}) {
  return html`<section class="tight" aria-label="State">
    <p class="row"><${RunState} run=${run} /><span class="muted">${progressText(run)}</span></p>
    ${run.state === "training" && html`<${Progress} value=${run.steps ? run.step / run.steps : null} label="Training" text="" />`}
    ${run.state === "failed" && html`<p class="error">${run.sentence}</p>`}
    ${run.state === "training" && html`<p class="muted">${run.sentence}</p>`}
  </section>`;
}

function Actions({run, reload, params, change}) {
  const [error, setError] = useState(null);
  const [minutes, setMinutes] = useState(2);
  const [n, setN] = useState(1000);
  const can = run.can || {};
  const {job, error: lost} = useJob(params.job);
  const act = (what, body) => async () => {
    try {
      const answer = await post(`${pathOf(run.id)}/${what}`, body);
      setError(null);
      if (answer?.id && ["evaluate", "sample"].includes(what)) change({job: answer.id});
      reload();
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<section class="panel" aria-label="Actions">
    <div class="row">
      <div class="buttons">
        ${run.model ? html`<a class="button primary" href=${addressOf("draw", {model: run.model})}>Draw with it</a>
          <a class="button" href=${addressOf("understand", {model: run.model})}>Look inside</a>`
    : html`<span class="muted">You can draw with it after its first checkpoint.</span>`}
        ${can.stop && html`<button type="button" onClick=${act("stop")}>Stop training</button>`}
        ${can.resume && html`<button type="button" onClick=${act("resume")}>Resume training</button>`}
        ${can.sample && html`<button type="button" onClick=${act("sample")}>Save samples</button>`}
      </div>
      ${can.extend && html`<form class="inline-form" aria-label="Train longer" onSubmit=${(event) => { event.preventDefault(); act("extend", {minutes})(); }}>
        <${NumberField} label="Total minutes" value=${minutes} min=${0.1} max=${10000} step=${0.1} onChange=${setMinutes} /><button>Train longer</button></form>`}
      ${can.evaluate && html`<form class="inline-form" aria-label="Evaluate" onSubmit=${(event) => { event.preventDefault(); act("evaluate", {n})(); }}>
        <${NumberField} label="Images" value=${n} min=${10} max=${50000} onChange=${setN} /><button>Evaluate</button></form>`}
    </div>
    <${ErrorMessage} error=${error || (lost?.status === 404 ? null : lost)} />
    ${job && html`<${JobLine} job=${job} />`}
  </section>`;
}

const interval = (low, high) => (low === null || low === undefined ? "–" : `${formatNumber(low)} to ${formatNumber(high)}`);

function Scores({run}) {
  const scores = run.scores || [];
  return html`<section class="panel" aria-label="Scores"><h2>Scores</h2>
    ${scores.length === 0 ? html`<p class="muted">Not measured yet. Evaluate draws images and measures them against real ones.</p>`
    : html`<div class="table-box" tabindex="0" role="region" aria-label="Table of scores"><table>
      <thead><tr><th scope="col">score</th><th scope="col" class="number">value</th><th scope="col" class="number">interval</th><th scope="col" class="number">floor</th></tr></thead>
      <tbody>${scores.map((score) => html`<tr key=${score.name}><th scope="row">${score.label || score.name}</th><td class="number">${formatNumber(score.value)}</td>
        <td class="number">${interval(score.low, score.high)}</td><td class="number">${formatNumber(score.floor)}</td></tr>`)}</tbody></table></div>
      <p class="help">The floor is the score of as many real images.</p>`}
  </section>`;
}

function Findings({run}) {
  const {value, error} = useResource(run.doctor ? null : `${pathOf(run.id)}/doctor`);
  const findings = run.doctor || value;
  return html`<section class="panel" aria-label="Doctor"><h2>Diagnosis (ddpm doctor)</h2>
    <${ErrorMessage} error=${error} />
    ${!findings && !error && html`<p class="muted" role="status">Checking the run…</p>`}
    ${findings?.length === 0 && html`<p>No problem found.</p>`}
    ${findings?.length > 0 && html`<ul class="plain">${findings.map((one) => html`<li key=${one.sentence}>${one.sentence}${one.fix && html`<br /><span class="muted">${one.fix}</span>`}</li>`)}</ul>`}
  </section>`;
}

const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

function Settings({run}) {
  const settings = run.settings || [];
  return html`<section class="panel" aria-label="Settings"><h2>Settings that differ from the preset</h2>
    ${settings.length === 0 ? html`<p class="muted">None.</p>`
    : html`<div class="table-box" tabindex="0" role="region" aria-label="Table of settings"><table>
      <thead><tr><th scope="col">setting</th><th scope="col">here</th><th scope="col">preset ${run.preset}</th></tr></thead>
      <tbody>${settings.map(({key, value, preset}) => html`<tr key=${key}><th scope="row"><code>${key}</code></th><td>${text(value)}</td><td>${text(preset)}</td></tr>`)}</tbody></table></div>`}
  </section>`;
}

const PICTURES = {samples: "Samples", denoising: "From noise to images", loss: "Loss"};

function Pictures({run}) {
  const present = Object.entries(PICTURES).filter(([name]) => run.pictures?.[name]);
  if (!present.length) return null;
  return html`<section class="stack" aria-label="Pictures"><h2>Pictures</h2><div class="pictures">
    ${present.map(([name, text]) => html`<figure key=${name} class="tight"><figcaption>${text}</figcaption>
      <a href=${run.pictures[name]} download=${`${run.name}-${name}`}><picture>
        <source media="(prefers-reduced-motion: reduce)" srcset=${`${run.pictures[name]}&still=true`} />
        <img class="picture pixels" src=${run.pictures[name]} alt=${`${text} of ${run.name}`} loading="lazy" /></picture></a></figure>`)}
  </div></section>`;
}
