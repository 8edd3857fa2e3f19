// Choose 2 to 6 models by checkbox: <${ModelChoice} models=${models} chosen=${["a"]} onChange=${(ids) => …} />

import {html} from "../vendor/htm-preact.js";
import {nameOfModel} from "./drawing.js";

export const MOST_MODELS = 6; // as the server's routes

/** Return the ids in an address parameter such as "run:a,bundled:b"; by default the first two models of one shape. */
export function chosenIds(text, models) {
  if (text !== undefined) return text.split(",").filter((id) => models.some((model) => model.id === id)).slice(0, MOST_MODELS);
  const [first] = models;
  const alike = models.filter((model) => model.height === first?.height && model.channels === first?.channels);
  return alike.slice(0, 2).map((model) => model.id);
}

export function ModelChoice({models, chosen, onChange}) {
  const toggle = (id) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return html`<fieldset><legend>Models (2 to ${MOST_MODELS})</legend><div class="checks">
    ${models.map((model) => html`<label key=${model.id} class="check"><input type="checkbox" checked=${chosen.includes(model.id)}
      disabled=${!chosen.includes(model.id) && chosen.length >= MOST_MODELS} onChange=${() => toggle(model.id)} />
      ${nameOfModel(model)}</label>`)}
  </div></fieldset>`;
}
