// The reverse process of a drawing: x_t and the predicted x0 side by side, and a scrubber back through the steps.
//
//   <${Playback} drawing=${drawing} shape=${model} frame=${null} onFrame=${(k) => …} picked=${3} onPick=${…} />
//
// `frame`: index of the shown step; null follows the newest. With reduced motion Play becomes a button that steps. `shape`: {height, width} before the drawing is known.

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {Slider} from "./fields.js";
import {formatNumber} from "./format.js";
import {frameUrl, nameOfImage} from "./drawing.js";
import {ImageGrid} from "./image_grid.js";
import {followedFrame, useReducedMotion} from "./media.js";

/** Return rows and columns of the most square grid for n images. */
export function squareGrid(n) {
  const columns = Math.ceil(Math.sqrt(n));
  return {rows: Math.ceil(n / columns), columns};
}

const STATES = {waiting: "waiting in the queue", cancelled: "cancelled", failed: "failed"};

/** Return the sentence below the pictures: which step is shown. */
export function describeFrame(drawing, index) {
  const frame = drawing?.frames?.[index];
  if (!frame) return STATES[drawing?.state] || (drawing ? "starting" : "");
  const last = drawing.steps || drawing.frames.length - 1;
  const step = frame.step ?? index;
  const snr = frame.log_snr === null || frame.log_snr === undefined ? "" : `, log-SNR ${formatNumber(frame.log_snr)}`;
  const time = frame.t === null || frame.t === undefined ? "" : `, t = ${formatNumber(frame.t)}`;
  return `step ${step} of ${last}${time}${snr}`;
}

export function Playback({drawing, shape, n, frame, onFrame, picked, onPick, note}) {
  const frames = drawing?.frames || [];
  const still = useReducedMotion();
  const shown = frame === null ? followedFrame(drawing, still) : Math.min(frame, frames.length - 1);
  const size = {width: shape.width, height: shape.height, ...squareGrid(n), n, ...drawing};
  const grid = {
    rows: size.rows, columns: size.columns, width: size.width, height: size.height, count: size.n,
    nameOf: (index) => (drawing ? nameOfImage(drawing, index) : ""), picked, onPick,
  };
  const url = (what) => (shown >= 0 ? frameUrl(drawing, frames[shown].index ?? shown, what) : null);
  return html`<section class="stack" aria-label="Reverse process">
    <div class="pair">
      <figure class="tight"><figcaption>noisy image x<sub>t</sub></figcaption>
        <${ImageGrid} ...${grid} src=${url("x")} alt=${`x_t of ${size.n} images`}>${note}<//></figure>
      <figure class="tight"><figcaption>predicted x<sub>0</sub></figcaption>
        <${ImageGrid} ...${grid} src=${url("x0")} alt=${`predicted x0 of ${size.n} images`} /></figure>
    </div>
    <${Scrubber} ...${{drawing, frames, shown, frame, onFrame, still}} />
  </section>`;
}

function Scrubber({drawing, frames, shown, frame, onFrame, still}) {
  const [playing, setPlaying] = useState(false);
  const last = frames.length - 1;
  const advance = () => onFrame(shown >= last ? 0 : shown + 1);
  useEffect(() => {
    if (!playing || still) return undefined;
    const timer = setInterval(advance, 250);
    return () => clearInterval(timer);
  }, [playing, shown, last, still]);
  useEffect(() => { if (playing && frame !== null && shown >= last) setPlaying(false); }, [shown]);
  return html`<div class="scrubber">
    <button type="button" aria-label="Step back" disabled=${shown <= 0} onClick=${() => onFrame(shown - 1)}>◀</button>
    <${Slider} label="Step" min=${0} max=${Math.max(last, 1)} value=${Math.max(shown, 0)}
      disabled=${last < 1} format=${(index) => describeFrame(drawing, index)}
      onChange=${(index) => onFrame(index === last ? null : index)} />
    <button type="button" aria-label="Step forward" disabled=${shown >= last} onClick=${() => onFrame(shown + 1 === last ? null : shown + 1)}>▶</button>
    ${still ? html`<button type="button" disabled=${last < 1} onClick=${advance}>Next step</button>`
    : html`<button type="button" disabled=${last < 1} aria-pressed=${playing} onClick=${() => setPlaying(!playing)}>${playing ? "Pause" : "Play"}</button>`}
  </div>`;
}
