// Break it: a mistake of diffusion code thrown like a switch, the damaged images beside the sound ones on the same seeds.

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {useResource} from "../parts/client.js";
import {NumberField} from "../parts/fields.js";
import {Filmstrip} from "../parts/filmstrip.js";
import {LabelField, SeedField, lessonPath, wholeNumber} from "../parts/lesson_fields.js";
import {ErrorMessage} from "../parts/messages.js";
import {Picture} from "../parts/image_grid.js";

const COUNT = 8;

function Images({title, path, model}) {
  const {value: walk, error} = useResource(path);
  const empty = Array.from({length: COUNT}, () => null);
  const factor = Math.max(1, Math.floor(84 / model.height));
  const box = {width: `${model.width * factor}px`, height: `${model.height * factor}px`};
  return html`<section class="stack" aria-label=${title}>
    <h2>${title}</h2>
    <div class="thumbs in-fours">${(walk?.final || empty).map((src, index) => (src
      ? html`<${Picture} key=${index} src=${src} alt=${`${title}, image ${index + 1}`} size=${84} width=${model.width} height=${model.height} />`
      : html`<span key=${index} class="pixels" style=${box} />`))}</div>
    <${ErrorMessage} error=${error} />
    <${Filmstrip} walk=${walk} current=${0} width=${model.width} height=${model.height} label=${`${title}: the walk of the first image`} />
  </section>`;
}

export function MistakesPart({model, params, change}) {
  const {value: mistakes, error} = useResource("/api/understand/mistakes");
  const mistake = mistakes?.find((one) => one.name === params.mistake) || mistakes?.find((one) => one.name === "wrong-betas");
  const steps = wholeNumber(params.steps, 50, 2, 250);
  const seed = wholeNumber(params.seed, 0, 0, 2 ** 32 - 1);
  const shared = {model: model.id, seed, steps, count: COUNT, label: params.label, step: 0, row: 0, column: 0};
  return html`
    <p>Most broken diffusion models suffer from one of a few mistakes. Choose one and see what it does to this model,
      on the same seeds. Once you know the picture, you know where to look.</p>
    <${ErrorMessage} error=${error} />
    <div class="choices mistakes" role="radiogroup" aria-label="Mistake">
      ${(mistakes || []).map((one) => html`<label class="choice" key=${one.name}>
        <input type="radio" name="mistake" value=${one.name} checked=${one === mistake} onChange=${() => change({mistake: one.name})} />
        <span>${one.title}</span></label>`)}
    </div>
    ${mistake && html`<p class="note">${mistake.cause} ${mistake.effect}</p>
      <div class="pair wide-pair">
        <${Images} title="Correct" path=${lessonPath("reverse", shared)} model=${model} />
        <${Images} title=${mistake.title} path=${lessonPath("reverse", {...shared, mistake: mistake.name})} model=${model} />
      </div>
      <p><a href=${addressOf("understand", {...params, tab: "reverse", model: model.id, mistake: mistake.name})}>Step through it</a></p>`}
    <div class="fields"><${SeedField} ...${{params, change}} />
      <${NumberField} label="Steps" value=${steps} min=${2} max=${250} onChange=${(count) => change({steps: count})} />
      <${LabelField} ...${{model, params, change}} /></div>`;
}
