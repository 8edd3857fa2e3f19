// Edit: redraw a marked part, refine a rough sketch, walk between two seeds. An edit is a drawing like any other.

import {html, useState} from "../vendor/htm-preact.js";
import {chosenModel, hasReverseProcess, modelOptions, useModels} from "../parts/drawing.js";
import {Select} from "../parts/fields.js";
import {ErrorMessage, NoModel} from "../parts/messages.js";
import {Tabs} from "../parts/tabs.js";
import {Inpaint} from "./edit_inpaint.js";
import {Refine} from "./edit_refine.js";
import {Walk} from "./edit_walk.js";

export const title = "Edit";

const TABS = {inpaint: ["Redraw a part", Inpaint], refine: ["Refine a sketch", Refine], walk: ["Walk between seeds", Walk]};

export function View({params, change}) {
  const {models, error} = useModels();
  const [failure, setFailure] = useState(null);
  const able = (models || []).filter(hasReverseProcess);
  const model = chosenModel(able, params.model);
  const tab = TABS[params.tab] ? params.tab : "inpaint";
  const [, Part] = TABS[tab];
  if (error) return html`<${ErrorMessage} error=${error} />`;
  if (!models) return null;
  if (!model) return html`<${NoModel} view="edit" id=${params.model} tab=${params.tab} />`;
  const names = Object.fromEntries(Object.entries(TABS).map(([key, [name]]) => [key, name]));
  return html`<div class="stack">
    <${Tabs} view="edit" names=${names} current=${tab} params=${{model: params.model, draw: params.draw, index: params.index}} />
    <div class="fields roomy"><${Select} label="Model" value=${model.id} options=${modelOptions(able)}
      onChange=${(id) => change({model: id, draw: null, index: null, mask: null, result: null, label: null})} /></div>
    <${Part} key=${`${tab} ${model.id}`} ...${{params, change, model, setFailure}} />
    <${ErrorMessage} error=${failure} />
  </div>`;
}
