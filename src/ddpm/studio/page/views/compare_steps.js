// Quality against steps: for each model the best distance that the sampler lab measured at a number of evaluations.

import {html, useMemo} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {useResource} from "../parts/client.js";
import {Curve} from "../parts/curve.js";
import {nameOfModel} from "../parts/drawing.js";
import {EmptyState} from "../parts/messages.js";
import {MOST_MODELS, ModelChoice, chosenIds} from "../parts/model_choice.js";

const COLORS = ["--blue", "--vermilion", "--green", "--purple", "--orange", "--sky"];

/** Hook: the lab's points of up to MOST_MODELS models; a hook must not be called a varying number of times. */
function useLabs(ids) {
  const path = (index) => (ids[index] ? `/api/lab/${encodeURIComponent(ids[index])}` : null);
  return Array.from({length: MOST_MODELS}, (_, index) => useResource(path(index)));
}

/** Return the best value at each number of evaluations. */
function bestAt(points) {
  const best = new Map();
  (points || []).forEach(({evaluations, value}) => {
    if (value !== null && (!best.has(evaluations) || value < best.get(evaluations))) best.set(evaluations, value);
  });
  return best;
}

export function QualitySteps({params, change, models}) {
  const chosen = chosenIds(params.models, models);
  const labs = useLabs(chosen);
  const curves = chosen.map((id, index) => bestAt(labs[index].value?.points));
  const x = useMemo(() => [...new Set(curves.flatMap((curve) => [...curve.keys()]))].sort((a, b) => a - b), [labs.map((lab) => lab.value)]);
  const series = chosen.map((id, index) => ({
    name: nameOfModel(models.find((model) => model.id === id)), color: COLORS[index], width: 2, points: true,
    values: x.map((evaluations) => curves[index].get(evaluations) ?? null),
  })).filter((one) => one.values.some((value) => value !== null));
  const missing = chosen.filter((id, index) => labs[index].value && !curves[index].size || labs[index].error);
  return html`<div class="stack">
    <${ModelChoice} models=${models} chosen=${chosen} onChange=${(next) => change({models: next.join(",")})} />
    ${series.length > 0 && html`<section class="panel"><${Curve} title="Best distance of any sampler; lower is better" x=${x} xName="network evaluations for one image"
      yName="distance" log series=${series} height=${320} /></section>`}
    ${missing.length > 0 && html`<${EmptyState} title="Not measured yet" action=${html`<span class="buttons">${missing.map((id) => html`<a key=${id} class="button" href=${addressOf("lab", {model: id})}>
      Measure ${nameOfModel(models.find((model) => model.id === id))}</a>`)}</span>`}>
      The sampler lab measures how good the images are at each number of steps. Run it for these models first.<//>`}
  </div>`;
}
