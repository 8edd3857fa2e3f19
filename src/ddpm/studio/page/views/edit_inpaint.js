// Redraw a part: mark it with a brush; the model draws it again so that it fits the rest.

import {html, useMemo, useState} from "../vendor/htm-preact.js";
import {EditResult, useEdit} from "../parts/edit_result.js";
import {NumberField, Slider, Toggle} from "../parts/fields.js";
import {ErrorMessage} from "../parts/messages.js";
import {PaintCanvas, maskPicture, maskText, pngText, readMask} from "../parts/paint_canvas.js";
import {StartImage, useStartImage} from "../parts/start_image.js";

export function Inpaint({params, change, model, setFailure}) {
  const {picture, setPicture, error} = useStartImage(params, model);
  const [erase, setErase] = useState(false);
  const start = useEdit(change, setFailure);
  const mask = useMemo(() => readMask(params.mask, model.width, model.height), [params.mask, model.id]);
  const size = Number(params.brush ?? Math.max(1, Math.round(model.width / 8)));
  const seed = Number(params.seed ?? 0);
  const n = Number(params.n ?? 4);
  const marked = mask.some(Boolean);
  const run = () => start({kind: "inpaint", model: model.id, n, seed, mask: pngText(maskPicture(mask, model.width, model.height)),
    image: {png: pngText(picture)}});
  return html`<div class="columns wide-right">
    <section class="panel" aria-label="Image and mask">
      <${ErrorMessage} error=${error} />
      ${picture ? html`<${PaintCanvas} width=${model.width} height=${model.height} picture=${picture} mask=${mask} size=${size} erase=${erase} alt="Image to mark"
          onMask=${(next) => change({mask: maskText(next) || null})} />
        <div class="fields"><${Slider} label="Brush" min=${1} max=${Math.ceil(model.width / 2)} value=${size} format=${(value) => `${value} px`} onChange=${(brush) => change({brush})} />
          <${Toggle} label="Erase the mark" checked=${erase} onChange=${setErase} /></div>
        <div class="buttons"><button type="button" disabled=${!marked} onClick=${() => change({mask: null})}>Clear the mark</button></div>`
    : html`<p>Choose the image to change. Then mark the part that the model draws again.</p>`}
      <${StartImage} ...${{model, change, setPicture}} onFailure=${setFailure} />
    </section>
    <section class="panel" aria-label="Redraw">
      <div class="fields"><${NumberField} label="First seed" value=${seed} min=${0} max=${4294967295} onChange=${(value) => change({seed: value})} />
        <${NumberField} label="Variants" value=${n} min=${1} max=${25} onChange=${(value) => change({n: value})} /></div>
      <div class="buttons"><button type="button" class="primary" disabled=${!picture || !marked} onClick=${run}>Redraw the marked part</button>
        <span class="muted">${picture && !marked ? "Mark a part first." : ""}</span></div>
      <${EditResult} id=${params.result} model=${model} rows=${Math.ceil(n / 4)} columns=${Math.min(n, 4)} note="The variants appear here." />
    </section>
  </div>`;
}
