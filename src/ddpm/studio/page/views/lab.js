// Lab: `ddpm sampler-lab` live. Quality against seconds for every sampler; click a point to draw with it.

import {html, useMemo, useState} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {post, useResource} from "../parts/client.js";
import {Curve} from "../parts/curve.js";
import {chosenModel, hasReverseProcess, modelOptions, useModels} from "../parts/drawing.js";
import {NumberField, Select, TextField} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {JobLine} from "../parts/job_line.js";
import {useEvent} from "../parts/live.js";
import {EmptyState, ErrorMessage, NoModel} from "../parts/messages.js";
import {isActive, useJob} from "../parts/working_now.js";

export const title = "Lab";

const COLORS = ["--blue", "--vermilion", "--green", "--purple", "--orange", "--sky"];
const EVALUATIONS = "4,6,8,10,15,20";

export function View({params, change}) {
  const {models, error} = useModels();
  const able = (models || []).filter(hasReverseProcess);
  const model = chosenModel(able, params.model);
  if (error) return html`<${ErrorMessage} error=${error} />`;
  if (!models) return null;
  if (!model) return html`<${NoModel} view="lab" id=${params.model} />`;
  return html`<${Laboratory} key=${model.id} ...${{params, change, models: able, model}} />`;
}

function Laboratory({params, change, models, model}) {
  const [error, setError] = useState(null);
  const lab = useResource(`/api/lab/${encodeURIComponent(model.id)}`);
  useEvent("lab", (event) => { if (event.model === model.id) lab.reload(); });
  const {job} = useJob(params.job || lab.value?.running || null);
  useEvent("job", (event) => { if (event.id === job?.id) lab.reload(); });
  const n = Number(params.n ?? 200);
  const evaluations = params.evaluations ?? EVALUATIONS;
  const start = async (event) => {
    event.preventDefault();
    try {
      const numbers = evaluations.split(",").map(Number).filter((value) => Number.isInteger(value) && value > 0);
      const answer = await post("/api/lab", {model: model.id, n, samplers: null, evaluations: numbers});
      setError(null);
      change({job: answer.id, model: model.id});
    } catch (failure) {
      setError(failure);
    }
  };
  const points = lab.value?.points || [];
  return html`<div class="stack">
    <p>The lab measures every sampler at several numbers of steps: how good are the images, and how long do they take? It keeps the cheapest one that is as good as the best.</p>
    <form class="panel" onSubmit=${start} aria-label="Sampler lab">
      <div class="fields roomy">
        <${Select} label="Model" value=${model.id} options=${modelOptions(models)} onChange=${(id) => change({model: id, job: null})} />
        <${NumberField} label="Images per point" value=${n} min=${50} max=${10000} onChange=${(value) => change({n: value})} />
        <${TextField} label="Network evaluations per image" value=${evaluations} pattern="[0-9, ]+" onChange=${(text) => change({evaluations: text})} />
      </div>
      <div class="buttons"><button class="primary" type="submit" disabled=${isActive(job)}>Measure</button></div>
      ${job && html`<${JobLine} job=${job} />`}
    </form>
    <${ErrorMessage} error=${error || (lab.error?.status === 404 ? null : lab.error)} />
    ${points.length > 0 ? html`<${Frontier} lab=${lab.value} model=${model} />`
    : isActive(job) ? html`<${EmptyState} title="Measuring">The first point appears here in a moment.<//>`
    : html`<${EmptyState} title="No point measured yet">Press Measure. Each point appears here as soon as it is known; 200 images a point give a first answer, 1,000 a reliable one.<//>`}
  </div>`;
}

const linkOf = (model, point) => addressOf("draw", {model: model.id, sampler: point.sampler, steps: point.steps});

function Frontier({lab, model}) {
  const points = useMemo(() => [...lab.points].filter((point) => point.value !== null).sort((a, b) => a.seconds - b.seconds), [lab]);
  const x = useMemo(() => points.map((point) => point.seconds), [points]);
  const names = [...new Set(points.map((point) => point.sampler))].sort();
  const series = useMemo(() => [
    ...names.map((name, index) => ({name, color: COLORS[index % COLORS.length], width: 1, points: true,
      values: points.map((point) => (point.sampler === name ? point.value : null))})),
    {name: "frontier", color: "--muted", width: 3, values: points.map((point) => (point.frontier ? point.value : null))},
  ], [points]);
  const pick = (index) => { location.hash = linkOf(model, points[index]); };
  return html`<section class="panel" aria-label="Frontier">
    <${Curve} title=${`${lab.metric || "distance"} against seconds for one image, n=${lab.n}; lower and further left is better`} x=${x} xName="seconds for one image"
      yName=${lab.metric || "distance"} log series=${series} height=${360} onPick=${pick} />
    <div class="table-box" tabindex="0" role="region" aria-label="Points"><table>
      <thead><tr><th scope="col">sampler</th><th scope="col" class="number">steps</th><th scope="col" class="number">evaluations</th><th scope="col" class="number">ms an image</th>
        <th scope="col" class="number">distance</th><th scope="col">interval</th><th scope="col"></th></tr></thead>
      <tbody>${points.map((point) => html`<tr key=${`${point.sampler} ${point.steps}`}><th scope="row">${point.sampler}${point.chosen ? " (chosen)" : point.frontier ? " (frontier)" : ""}</th>
        <td class="number">${point.steps}</td><td class="number">${point.evaluations}</td><td class="number">${formatNumber(1000 * point.seconds)}</td><td class="number">${formatNumber(point.value)}</td>
        <td>${point.low === null ? "–" : `${formatNumber(point.low)} to ${formatNumber(point.high)}`}</td>
        <td><a href=${linkOf(model, point)} aria-label=${`Draw with ${point.sampler}, ${point.steps} steps`}>Draw</a></td></tr>`)}</tbody></table></div>
  </section>`;
}
