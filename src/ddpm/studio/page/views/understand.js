// Understand: diffusion on the reader's own model, one step at a time. The tab shown and all its settings are in the
// address, so that a link shows the same.

import {html} from "../vendor/htm-preact.js";
import {chosenModel, modelOptions, useModels} from "../parts/drawing.js";
import {Select} from "../parts/fields.js";
import {ErrorMessage, NoModel} from "../parts/messages.js";
import {Tabs} from "../parts/tabs.js";
import {ForwardPart} from "./understand_forward.js";
import {MistakesPart} from "./understand_mistakes.js";
import {ReversePart} from "./understand_reverse.js";
import {ToyPart} from "./understand_toy.js";
import {TourPart} from "./understand_tour.js";
import {TrainingPart} from "./understand_training.js";

export const title = "Understand";

const TABS = {
  tour: ["Tour", TourPart],
  forward: ["Adding noise", ForwardPart],
  training: ["Training: Algorithm 1", TrainingPart],
  reverse: ["Sampling: Algorithm 2", ReversePart],
  mistakes: ["Break it", MistakesPart],
  toy: ["Two dimensions", ToyPart],
};
const WITHOUT_MODEL = ["tour", "toy"];

/** Return the models that have noise levels to step through. */
const steppable = (models) => models?.filter((model) => model.has_reverse_process && model.objective);

export function View({params, change}) {
  const {models, error} = useModels();
  const tab = TABS[params.tab] ? params.tab : "forward";
  const [, Part] = TABS[tab];
  const choices = steppable(models);
  const model = chosenModel(choices, params.model);
  const names = Object.fromEntries(Object.entries(TABS).map(([key, [name]]) => [key, name]));
  const forget = {image: null, label: null, t: null, step: null, row: null, column: null};
  return html`<div class="stack">
    <${Tabs} view="understand" names=${names} current=${tab} params=${{model: params.model, station: params.station}} />
    <${ErrorMessage} error=${error} />
    ${WITHOUT_MODEL.includes(tab) ? html`<${Part} params=${params} change=${change} />` : html`
      ${models && !model && html`<${NoModel} view="understand" id=${params.model} tab=${tab} />`}
      ${(model || !models) && html`<div class="fields roomy"><${Select} label="Model" value=${model?.id || ""} options=${modelOptions(choices)}
        onChange=${(id) => change({model: id, ...forget})} /></div>`}
      ${model && html`<${Part} key=${`${tab} ${model.id}`} ...${{model, params, change}} />`}`}
  </div>`;
}
