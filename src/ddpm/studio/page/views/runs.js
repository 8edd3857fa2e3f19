// Runs: a card for each run of the folder that the studio was opened on.

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {useResource} from "../parts/client.js";
import {useEvent} from "../parts/live.js";
import {EmptyState, ErrorMessage, Progress} from "../parts/messages.js";
import {RunState, progressText} from "../parts/run_state.js";
import {Sparkline} from "../parts/sparkline.js";
import {mergeRow, progressOf} from "../parts/working_now.js";

export const title = "Runs";

/** Hook: the cards of all runs, newest first, kept up to date. */
export function useRuns() {
  const {value, error, setValue, reload} = useResource("/api/runs");
  useEvent("run", (card) => setValue((all) => mergeRow(all, card)));
  return {runs: value, error, reload};
}

export function View() {
  const {runs, error} = useRuns();
  if (error) return html`<${ErrorMessage} error=${error} />`;
  if (!runs) return null;
  if (!runs.length) {
    const actions = html`<span class="buttons"><a class="button primary" href=${addressOf("new")}>New run</a>
      <a class="button" href=${addressOf("draw")}>Draw with a bundled model</a></span>`;
    return html`<${EmptyState} title="No run yet" action=${actions}>
      Train a model on the bundled digits, which takes about a minute, or on your own pictures. To see images at once, draw with a model that comes with the package.<//>`;
  }
  return html`<div class="stack">
    <div class="buttons"><a class="button primary" href=${addressOf("new")}>New run</a></div>
    <ul class="cards">${runs.map((run) => html`<li key=${run.id}><${Card} run=${run} /></li>`)}</ul>
  </div>`;
}

function Card({run}) {
  return html`<article class="card">
    ${run.preview ? html`<img class="preview" src=${run.preview} alt=${`Latest preview of ${run.name}`} />`
    : html`<div class="preview none muted">no preview yet</div>`}
    <h2><a href=${addressOf("run", {id: run.id})}>${run.name}</a></h2>
    <div class="between"><${RunState} run=${run} /><${Sparkline} points=${run.loss} label="Loss" /></div>
    ${run.state === "training" ? html`<${Progress} value=${progressOf(run)} label=${`Training ${run.name}`} text=${progressText(run)} />`
    : html`<p class="muted small">${progressText(run)}</p>`}
    ${run.state === "failed" && html`<p class="error">${run.sentence}</p>`}
  </article>`;
}
