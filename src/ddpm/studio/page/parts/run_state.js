// State of a run in words: <${RunState} run=${card} /> and progressText(card).

import {html} from "../vendor/htm-preact.js";
import {formatNumber, formatSeconds} from "./format.js";

export function RunState({run}) {
  return html`<span class=${`state ${run.state}`}>${run.state}</span>`;
}

/** Return "step 120 of 600 · 940 images/s · 40 s left", without what is unknown. */
export function progressText(run) {
  const training = run.state === "training";
  return [
    run.steps ? `step ${formatNumber(run.step)} of ${formatNumber(run.steps)}` : `step ${formatNumber(run.step)}`,
    training && run.images_per_second ? `${formatNumber(run.images_per_second)} images/s` : "",
    training && run.seconds_left ? `${formatSeconds(run.seconds_left)} left` : "",
  ].filter(Boolean).join(" · ");
}
