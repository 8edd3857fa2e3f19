// Refine a sketch: noise is added to a rough drawing, and the model takes it away again.

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {EditResult, useEdit} from "../parts/edit_result.js";
import {NumberField, Select, Slider, useId} from "../parts/fields.js";
import {ErrorMessage} from "../parts/messages.js";
import {PaintCanvas, pngText} from "../parts/paint_canvas.js";
import {StartImage, keepSheet, sheet, useStartImage} from "../parts/start_image.js";

const MOST_UNDO = 20;

/** Return a copy of a canvas. */
function copyOf(canvas) {
  const copy = Object.assign(document.createElement("canvas"), {width: canvas.width, height: canvas.height});
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}

function ColorField({label, value, onChange}) {
  const id = useId();
  return html`<div class="field"><label for=${id}>${label}</label><input id=${id} type="color" value=${value} onInput=${(event) => onChange(event.target.value)} /></div>`;
}

export function Refine({params, change, model, setFailure}) {
  const {picture, setPicture, error} = useStartImage(params, model);
  const [color, setColor] = useState("#ffffff");
  const [past, setPast] = useState([]);
  const start = useEdit(change, setFailure);
  useEffect(() => { if (!picture && !params.draw) setPicture(sheet(model)); }, [picture]);
  const size = Number(params.brush ?? Math.max(1, Math.round(model.width / 10)));
  const strength = Number(params.strength ?? 0.6);
  const seed = Number(params.seed ?? 0);
  const n = Number(params.n ?? 4);
  const replace = (canvas) => {
    keepSheet(model, canvas);
    setPicture(canvas);
  };
  const back = () => {
    const [before] = past.slice(-1);
    setPast((old) => old.slice(0, -1));
    replace(copyOf(before));
  };
  const run = () => start({kind: "refine", model: model.id, n, seed, strength, image: {png: pngText(picture)},
    label: params.label || null});
  return html`<div class="columns wide-right">
    <section class="panel" aria-label="Sketch">
      <p>Draw roughly what you want to see.</p>
      <${ErrorMessage} error=${error} />
      ${picture && html`<${PaintCanvas} width=${model.width} height=${model.height} picture=${picture} size=${size} color=${color} alt="Sketch" onStart=${() => setPast((old) => [...old, copyOf(picture)].slice(-MOST_UNDO))} onPaint=${(canvas) => keepSheet(model, canvas)} />`}
      <div class="fields"><${Slider} label="Brush" min=${1} max=${Math.ceil(model.width / 3)} value=${size} format=${(value) => `${value} px`} onChange=${(brush) => change({brush})} />
        <${ColorField} label="Color" value=${color} onChange=${setColor} /></div>
      <div class="buttons"><button type="button" disabled=${!past.length} onClick=${back}>Undo</button>
        <button type="button" onClick=${() => { setPast([]); replace(sheet(model)); }}>Black sheet</button>
        <button type="button" onClick=${() => { setPast([]); replace(sheet(model, "#ffffff")); }}>White sheet</button></div>
      <${StartImage} ...${{model, change, setPicture}} onFailure=${setFailure} />
    </section>
    <section class="panel" aria-label="Refine">
      <${Slider} label="Strength" min=${0.05} max=${1} step=${0.05} value=${strength} format=${(value) => `${Math.round(100 * value)} %`} help="How much noise is added: little keeps your sketch, all of it forgets the sketch."
        onChange=${(value) => change({strength: value})} />
      <div class="fields"><${NumberField} label="First seed" value=${seed} min=${0} max=${4294967295} onChange=${(value) => change({seed: value})} />
        <${NumberField} label="Variants" value=${n} min=${1} max=${25} onChange=${(value) => change({n: value})} />
        ${model.classes && html`<${Select} label="Label" value=${params.label ?? ""} options=${[{value: "", name: "any"}, ...model.classes.map((name) => ({value: name, name}))]}
          onChange=${(label) => change({label: label || null})} />`}</div>
      <div class="buttons"><button type="button" class="primary" disabled=${!picture} onClick=${run}>Refine</button></div>
      <${EditResult} id=${params.result} model=${model} rows=${Math.ceil(n / 4)} columns=${Math.min(n, 4)} note="The variants appear here." />
    </section>
  </div>`;
}
