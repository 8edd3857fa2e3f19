// Compare: models on the same seeds, quality against steps, the table of metrics, nearest training images, by eye.

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {useModels} from "../parts/drawing.js";
import {EmptyState, ErrorMessage} from "../parts/messages.js";
import {Tabs} from "../parts/tabs.js";
import {BlindTest} from "./compare_blind.js";
import {Metrics} from "./compare_metrics.js";
import {Neighbors} from "./compare_neighbors.js";
import {SameSeeds} from "./compare_seeds.js";
import {QualitySteps} from "./compare_steps.js";

export const title = "Compare";

const TABS = {
  seeds: ["Same seeds", SameSeeds],
  steps: ["Quality and steps", QualitySteps],
  metrics: ["Metrics", Metrics],
  neighbors: ["Nearest training images", Neighbors],
  blind: ["By eye", BlindTest],
};

export function View({params, change}) {
  const {models, error} = useModels();
  const tab = TABS[params.tab] ? params.tab : "seeds";
  const [, Part] = TABS[tab];
  const names = Object.fromEntries(Object.entries(TABS).map(([key, [name]]) => [key, name]));
  return html`<div class="stack">
    <${Tabs} view="compare" names=${names} current=${tab} params=${{models: params.models}} />
    <${ErrorMessage} error=${error} />
    ${models && !models.length && html`<${EmptyState} title="No model yet" action=${html`<a class="button primary" href=${addressOf("new")}>New run</a>`}>Train one first.<//>`}
    ${models?.length > 0 && html`<${Part} key=${tab} ...${{params, change, models}} />`}
  </div>`;
}
