// Form of a drawing: model, seed, count, sampler, steps, label, guidance and the part of the noise range it acts in.
//
//   <${DrawSettings} params=${params} change=${change} models samplers model busy onDraw onCancel />

import {html} from "../vendor/htm-preact.js";
import {NumberField, Select, Slider, Toggle} from "./fields.js";
import {canGuide, modelOptions, settingsOf} from "./drawing.js";

const percent = (value) => `${Math.round(100 * value)} %`;
const MOST = {n: 100, steps: 1000};

export function DrawSettings({params, change, models, samplers, model, busy, onDraw, onCancel, counted = true}) {
  const settings = settingsOf(params, model, samplers);
  const submit = (event) => { event.preventDefault(); onDraw(); };
  const row = (samplers || []).find((one) => one.name === settings.sampler);
  return html`<form class="panel" aria-label="Settings of the drawing" onSubmit=${submit}>
    <${Select} label="Model" value=${model.id} options=${modelOptions(models)}
      onChange=${(id) => change({model: id, sampler: null, steps: null, label: null, guidance: null, low: null, high: null, draw: null, frame: null, pick: null})} />
    <div class="fields">
      <${NumberField} label="First seed" value=${settings.seed} min=${0} max=${4294967295} onChange=${(seed) => change({seed})} />
      ${counted && html`<${NumberField} label="Images" value=${settings.n} min=${1} max=${MOST.n} onChange=${(n) => change({n})} />`}
    </div>
    <div class="buttons">
      <button class="primary" type="submit">Draw</button>
      <button type="button" disabled=${!busy} onClick=${onCancel}>Cancel</button>
    </div>
    <div class="fields">
      ${settings.sampler && html`<${Select} label="Sampler" value=${settings.sampler} wide
        options=${(samplers || [{name: settings.sampler}]).map(({name}) => ({value: name, name}))}
        help=${row?.help} onChange=${(sampler) => change({sampler, steps: null})} />
      <${NumberField} label="Steps" value=${settings.steps} min=${1} max=${MOST.steps} onChange=${(steps) => change({steps})} />`}
      ${model.classes && html`<${Select} label="Label" value=${settings.label ?? ""}
        options=${[{value: "", name: "any"}, ...model.classes.map((name) => ({value: name, name}))]}
        onChange=${(label) => change({label: label || null})} />`}
    </div>
    ${canGuide(model) && html`<${Guidance} ...${{settings, change, model}} />`}
    <${Toggle} label="Draw while I change settings" checked=${params.live === "1"}
      onChange=${(live) => change({live: live ? 1 : null})} />
  </form>`;
}

function Guidance({settings, change, model}) {
  const off = settings.guidance === 1;
  const labels = model.classes && settings.label === null;
  return html`<div class="tight">
    <${Slider} label="Guidance scale" value=${settings.guidance} min=${0.1} max=${6} step=${0.1} format=${(v) => (v === 1 ? "1 (off)" : v.toFixed(1))}
      help=${labels ? "Pulls each image toward its label, which its seed chooses." : null}
      onChange=${(guidance) => change({guidance})} />
    ${!off && html`<div class="fields">
      <${NumberField} label="Guided from" value=${settings.low} min=${0} max=${settings.high} step=${0.05} onChange=${(low) => change({low})} />
      <${NumberField} label="up to" value=${settings.high} min=${settings.low} max=${1} step=${0.05} onChange=${(high) => change({high})} />
    </div>
    <p class="help">Guided in ${percent(settings.low)}–${percent(settings.high)} of the noise range; 0 is the clean image.</p>`}
  </div>`;
}
