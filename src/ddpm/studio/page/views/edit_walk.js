// Walk between seeds: the images between two noises, a row for each pair of seeds.

import {html} from "../vendor/htm-preact.js";
import {EditResult, useEdit} from "../parts/edit_result.js";
import {NumberField, Select} from "../parts/fields.js";

export function Walk({params, change, model, setFailure}) {
  const start = useEdit(change, setFailure);
  const seed = Number(params.seed ?? 0);
  const pairs = Number(params.pairs ?? 2);
  const between = Number(params.between ?? 7);
  const label = params.label || null;
  const run = (event) => {
    event.preventDefault();
    start({kind: "interpolate", model: model.id, seed, pairs, between, label});
  };
  return html`<div class="stack">
    <form class="panel" onSubmit=${run} aria-label="Walk between seeds">
      <p>Each row begins at one seed and ends at the next. Between them the starting noise is blended from one to the other (slerp), and every blend is denoised.</p>
      <div class="fields"><${NumberField} label="First seed" value=${seed} min=${0} max=${4294967295} onChange=${(value) => change({seed: value})} />
        <${NumberField} label="Rows" value=${pairs} min=${1} max=${8} onChange=${(value) => change({pairs: value})} />
        <${NumberField} label="Images between" value=${between} min=${1} max=${14} onChange=${(value) => change({between: value})} />
        ${model.classes && html`<${Select} label="Label" value=${label ?? ""} options=${[{value: "", name: "any"}, ...model.classes.map((name) => ({value: name, name}))]}
          onChange=${(next) => change({label: next || null})} />`}</div>
      <div class="buttons"><button class="primary" type="submit">Walk</button></div>
    </form>
    <${EditResult} id=${params.result} model=${model} rows=${pairs} columns=${between + 2} note="The walk appears here." />
  </div>`;
}
