// The table of `ddpm compare`: each metric of each model with its interval, the floor and the verdict.

import {html, useState} from "../vendor/htm-preact.js";
import {post, useResource} from "../parts/client.js";
import {NumberField, Select} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {JobLine} from "../parts/job_line.js";
import {useEvent} from "../parts/live.js";
import {EmptyState, ErrorMessage} from "../parts/messages.js";
import {ModelChoice, chosenIds} from "../parts/model_choice.js";
import {isActive, useJob} from "../parts/working_now.js";

export function Metrics({params, change, models}) {
  const [error, setError] = useState(null);
  const chosen = chosenIds(params.models, models);
  const n = Number(params.n ?? 200);
  const {job} = useJob(params.job);
  const all = useResource("/api/comparisons");
  useEvent("job", ({job: other}) => { if (other.kind === "comparison" && !isActive(other)) all.reload(); });
  const rows = all.value || [];
  const shown = params.comparison || (rows[0] && rows[0].id);
  const start = async (event) => {
    event.preventDefault();
    try {
      const answer = await post("/api/comparisons", {models: chosen, n});
      setError(null);
      change({job: answer.id, models: chosen.join(","), comparison: null});
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<div class="stack">
    <form class="panel" onSubmit=${start} aria-label="Measure">
      <${ModelChoice} models=${models} chosen=${chosen} onChange=${(next) => change({models: next.join(",")})} />
      <div class="fields"><${NumberField} label="Images of each" value=${n} min=${20} max=${50000} onChange=${(value) => change({n: value})} /></div>
      <div class="buttons"><button class="primary" type="submit" disabled=${chosen.length < 2}>Measure</button>
        <span class="muted">More images give narrower intervals and take longer.</span></div>
    </form>
    <${ErrorMessage} error=${error || all.error} />
    ${job && html`<section class="panel" aria-label="Measurement"><${JobLine} job=${job} /></section>`}
    ${rows.length > 1 && html`<${Select} label="Comparison" value=${shown} options=${rows.map((row) => ({value: row.id, name: `${row.models.join(", ")} · n=${row.n}`}))}
      onChange=${(id) => change({comparison: id})} />`}
    ${shown ? html`<${Table} id=${shown} />` : !isActive(job) && html`<${EmptyState} title="Nothing measured yet">Choose two models or more and press Measure.<//>`}
  </div>`;
}

function cell({value, low, high, ratio}) {
  const range = low === null || low === undefined ? "" : ` [${formatNumber(low)}, ${formatNumber(high)}]`;
  return html`${formatNumber(value)}<span class="muted">${range}</span>${ratio ? html`<br /><span class="muted">ratio ${formatNumber(ratio)}</span>` : ""}`;
}

const DIRECTIONS = {low: "lower is better", high: "higher is better"};

function Table({id}) {
  const {value, error} = useResource(`/api/comparisons/${encodeURIComponent(id)}`);
  if (error) return html`<${ErrorMessage} error=${error} />`;
  if (!value) return null;
  return html`<section class="panel" aria-label="Table"><div class="table-box tall" tabindex="0" role="region" aria-label="Metrics of the models"><table>
    <thead><tr><th scope="col">metric</th>${value.models.map((model) => html`<th scope="col" key=${model.id}>${model.name}</th>`)}
      <th scope="col">real images (floor)</th><th scope="col">verdict</th></tr></thead>
    <tbody>${value.rows.map((row) => html`<tr key=${row.name}><th scope="row">${row.label}<br /><span class="muted">${DIRECTIONS[row.better] || ""}</span></th>
      ${row.values.map((one) => html`<td>${cell(one)}</td>`)}<td>${formatNumber(row.floor)}</td><td>${row.verdict}</td></tr>`)}</tbody>
  </table></div>
  ${(value.pictures || []).length > 0 && html`<div class="pictures">${value.pictures.map((url) => html`<img key=${url} class="picture" src=${url} alt="Figure of the comparison" loading="lazy" />`)}</div>`}
  </section>`;
}
