// Models on the same seeds: one grid for each model; image i of every grid begins with the noise of the same seed.

import {html, useState} from "../vendor/htm-preact.js";
import {CommandLine} from "../parts/command_line.js";
import {frameUrl, isDrawing, nameOfImage, nameOfModel, requestOf, startDrawing, useDrawing} from "../parts/drawing.js";
import {NumberField} from "../parts/fields.js";
import {ImageGrid} from "../parts/image_grid.js";
import {ErrorMessage} from "../parts/messages.js";
import {ModelChoice, chosenIds} from "../parts/model_choice.js";
import {followedFrame, useReducedMotion} from "../parts/media.js";
import {squareGrid} from "../parts/playback.js";

const STATES = {waiting: "· waiting", running: "· drawing"};

export function SameSeeds({params, change, models}) {
  const [error, setError] = useState(null);
  const chosen = chosenIds(params.models, models);
  const seed = Number(params.seed ?? 0);
  const n = Number(params.n ?? 16);
  const ids = (params.draws || "").split(",");
  const draw = async (event) => {
    event.preventDefault();
    try {
      const started = [];
      for (const id of chosen) {
        const model = models.find((one) => one.id === id);
        started.push((await startDrawing(requestOf({seed, n}, model, []))).id);
      }
      setError(null);
      change({draws: started.join(","), models: chosen.join(",")});
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<div class="stack">
    <form class="panel" onSubmit=${draw} aria-label="Same seeds">
      <${ModelChoice} models=${models} chosen=${chosen} onChange=${(next) => change({models: next.join(","), draws: null})} />
      <div class="fields"><${NumberField} label="First seed" value=${seed} min=${0} max=${4294967295} onChange=${(value) => change({seed: value, draws: null})} />
        <${NumberField} label="Images of each" value=${n} min=${1} max=${100} onChange=${(value) => change({n: value, draws: null})} /></div>
      <div class="buttons"><button class="primary" type="submit" disabled=${!chosen.length}>Draw</button>
        <span class="muted">${chosen.length < 2 ? "Choose two models or more." : "Each model draws with its own sampler and steps."}</span></div>
    </form>
    <${ErrorMessage} error=${error} />
    <div class="pair many">${chosen.map((id, index) => html`<${OneModel} key=${id} model=${models.find((one) => one.id === id)} id=${ids[index]} n=${n} />`)}</div>
  </div>`;
}

function OneModel({model, id, n}) {
  const {drawing, error} = useDrawing(id || null);
  const frames = drawing?.frames || [];
  const size = {...squareGrid(n), n, width: model.width, height: model.height, ...drawing};
  const shown = followedFrame(drawing, useReducedMotion());
  const src = shown >= 0 ? frameUrl(drawing, frames[shown].index ?? shown, "x") : null;
  return html`<figure class="tight"><figcaption>${nameOfModel(model)}
      ${isDrawing(drawing) ? html` <span role="status">${STATES[drawing.state]}</span>` : ""}</figcaption>
    <${ImageGrid} src=${src} rows=${size.rows} columns=${size.columns} width=${size.width} height=${size.height} count=${size.n}
      alt=${`${size.n} images of ${model.name}${drawing ? `, from ${nameOfImage(drawing, 0)}` : ""}`}>${isDrawing(drawing) ? "Waiting in the queue." : "Press Draw."}<//>
    <${ErrorMessage} error=${error || (drawing?.error && {message: drawing.error})} />
    ${drawing && html`<${CommandLine} command=${drawing.command} label=${`Command for ${model.name}`} />`}
  </figure>`;
}
