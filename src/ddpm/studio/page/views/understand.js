// Understand: diffusion on the reader's own model, one step at a time. The part shown and all its settings are in the
// address, so that a link shows the same.

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {useResource} from "../parts/client.js";
import {Select} from "../parts/fields.js";
import {EmptyState, ErrorMessage} from "../parts/messages.js";
import {ForwardPart} from "./understand_forward.js";
import {MistakesPart} from "./understand_mistakes.js";
import {ReversePart} from "./understand_reverse.js";
import {ToyPart} from "./understand_toy.js";
import {TourPart} from "./understand_tour.js";
import {TrainingPart} from "./understand_training.js";

export const title = "Understand";

const PARTS = {
  tour: {name: "Tour", Part: TourPart},
  forward: {name: "Adding noise", Part: ForwardPart},
  training: {name: "Training: Algorithm 1", Part: TrainingPart},
  reverse: {name: "Sampling: Algorithm 2", Part: ReversePart},
  mistakes: {name: "Break it", Part: MistakesPart},
  toy: {name: "Two dimensions", Part: ToyPart, needsNoModel: true},
};

const FIRST = "bundled:mnist"; // shown where there is no run yet: small, with labels

/** Return the models that have noise levels to step through: runs first. */
const steppable = (models) => (models || []).filter((model) => model.has_reverse_process && model.objective);

/** Return the model to begin with. */
const firstOf = (choices) => choices.find((one) => one.source === "run") || choices.find((one) => one.id === FIRST) || choices[0];

export function View({params, change}) {
  const {value: models, error} = useResource("/api/models");
  const part = PARTS[params.part] ? params.part : "forward";
  const {Part, needsNoModel} = PARTS[part];
  const choices = steppable(models);
  const model = choices.find((one) => one.id === params.model) || firstOf(choices);
  const links = html`<nav class="tabs" aria-label="Parts">${Object.entries(PARTS).map(([key, one]) => html`<a key=${key}
    href=${addressOf("understand", {model: params.model, part: key, station: params.station})}
    aria-current=${key === part ? "page" : undefined}>${one.name}</a>`)}</nav>`;
  if (needsNoModel) return html`${links}<${Part} params=${params} change=${change} />`;
  if (error) return html`${links}<${ErrorMessage} error=${error} />`;
  if (models && !model) {
    return html`${links}<${EmptyState} title="No model yet" action=${html`<a class="button primary" href=${addressOf("new")}>New run</a>`}>
      Train the bundled digits for a minute, then step through your own model here.<//>`;
  }
  return html`${links}
    <div class="fields">
      <${Select} label="Model" value=${model?.id || ""} options=${choices.map((one) => ({value: one.id, name: one.name}))}
        onChange=${(id) => change({model: id, image: null, label: null, t: null, step: null, row: null, column: null})} />
    </div>
    ${model && html`<${Part} key=${`${part} ${model.id}`} ...${{model, params, change}} />`}`;
}
