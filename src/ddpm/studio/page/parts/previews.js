// Previews of a run through time, under one scrubber: <${Previews} run=${run} step=${null} onStep=${…} />
// `step`: the shown preview's step; null follows the newest.

import {html, useEffect} from "../vendor/htm-preact.js";
import {Slider} from "./fields.js";
import {formatNumber} from "./format.js";

export function Previews({run, step, onStep}) {
  const previews = run.previews || [];
  const found = previews.findIndex((one) => one.step === step);
  const shown = found < 0 ? previews.length - 1 : found;
  useEffect(() => { // neighbors are loaded ahead, so that the scrubber does not blink
    [shown - 1, shown + 1].forEach((index) => { if (previews[index]) new Image().src = previews[index].url; });
  }, [shown, previews.length]);
  if (!previews.length) {
    return html`<section class="panel" aria-label="Previews"><h2>Previews</h2><p class="muted">${run.state === "training" ? "The first preview appears here after some steps." : "This run saved no previews."}</p></section>`;
  }
  const pick = (index) => onStep(index === previews.length - 1 ? null : previews[index].step);
  const describe = (index) => `step ${formatNumber(previews[index]?.step ?? 0)}${index === previews.length - 1 ? " (newest)" : ""}`;
  return html`<section class="panel" aria-label="Previews">
    <h2>Previews</h2>
    <div class="preview-box"><img class="pixels" src=${previews[shown].url} alt=${`Preview at step ${previews[shown].step}`} /></div>
    <div class="scrubber">
      <button type="button" aria-label="Earlier preview" disabled=${shown === 0} onClick=${() => pick(shown - 1)}>◀</button>
      <${Slider} label="Preview" min=${0} max=${Math.max(previews.length - 1, 1)} value=${shown} disabled=${previews.length < 2}
        format=${describe} onChange=${pick} />
      <button type="button" aria-label="Later preview" disabled=${shown === previews.length - 1} onClick=${() => pick(shown + 1)}>▶</button>
    </div>
  </section>`;
}
