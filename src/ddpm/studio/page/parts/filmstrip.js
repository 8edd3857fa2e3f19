// Strip of the states of one walk: x_t above, the predicted image below. A click goes to that step.
//
//   <${Filmstrip} walk=${walk} current=${12} onPick=${(step) => …} width=${28} height=${28} />
//
// `walk.strip`: [{step, t, x_t, x0}], pictures as addresses. Without `onPick` the strip only shows.

import {html} from "../vendor/htm-preact.js";

const PLACES = 12; // reserved before the walk is known

export function Filmstrip({walk, current, onPick, width, height, label = "The walk from noise to image"}) {
  const frames = walk?.strip || Array.from({length: PLACES}, (_, index) => ({step: index}));
  const factor = Math.max(1, Math.floor(56 / height));
  const nearest = frames.reduce((best, one) => (Math.abs(one.step - current) < Math.abs(best.step - current) ? one : best), frames[0]);
  const size = {width: width * factor, height: height * factor};
  const box = {width: `${size.width}px`, height: `${size.height}px`};
  const picture = (src) => (src ? html`<img class="pixels" src=${src} alt="" ...${size} />` : html`<span class="pixels" style=${box} />`);
  return html`<div class="filmstrip" role="group" aria-label=${label}>
    <ol>${frames.map((frame) => html`<li key=${frame.step}>
      ${onPick
        ? html`<button type="button" class="bare" aria-label=${frame.t === undefined ? "not drawn yet" : `step ${frame.step + 1}, t = ${frame.t}`}
            aria-pressed=${walk ? frame.step === nearest.step : false} disabled=${!walk} onClick=${() => onPick(frame.step)}>
            ${picture(frame.x_t)}${picture(frame.x0)}</button>`
        : html`<div>${picture(frame.x_t)}${picture(frame.x0)}</div>`}
      <span class="muted" aria-hidden="true">${frame.t ?? " "}</span></li>`)}
    </ol>
  </div>`;
}
