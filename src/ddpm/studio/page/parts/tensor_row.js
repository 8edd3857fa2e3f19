// A row of tensors as pictures, each of which opens in place to its equation, numbers and line of code.
//
//   <${TensorRow} label="One step" panels=${lesson.panels} height=${28} width=${28} opened=${params.open} onOpen=${…}
//     entries=${[{key: "x_t", title: "x_t", join: "→", text: "…", equation: html`…`, source: {file, line, code}}]}
//     pixel=${{row, column}} onPixel=${(row, column) => …} />
//
// `panels`: key → {picture, scale, value, mean, std, low, high} as the server computes them.

import {html} from "../vendor/htm-preact.js";
import {formatNumber} from "./format.js";
import {useId} from "./fields.js";

const SIZE = 96; // wanted height in CSS pixels

/** Picture of a tensor; a click picks the pixel whose numbers are shown. */
export function TensorPicture({panel, width, height, alt, pixel, onPixel, size = SIZE}) {
  const factor = Math.max(1, Math.floor(size / height));
  const pick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (offset, length, count) => Math.min(count - 1, Math.max(0, Math.floor((offset / length) * count)));
    onPixel(at(event.clientY - box.top, box.height, height), at(event.clientX - box.left, box.width, width));
  };
  const mark = pixel && {
    left: `${(100 * pixel.column) / width}%`, top: `${(100 * pixel.row) / height}%`,
    width: `${100 / width}%`, height: `${100 / height}%`,
  };
  return html`<div class="tensor" style=${{width: `${width * factor}px`, aspectRatio: `${width} / ${height}`}}
      onClick=${onPixel && pick}>
    ${panel && html`<img class="pixels" src=${panel.picture} alt=${alt} width=${width * factor} height=${height * factor} />`}
    ${mark && html`<span class="pixel-mark" style=${mark} />`}
  </div>`;
}

function Details({id, entry, panel}) {
  return html`<section class="panel opened" id=${id} aria-label=${entry.title}>
    <p>${entry.text}</p>
    ${entry.equation}
    ${panel && html`<dl class="facts">
      <dt>At the marked pixel</dt><dd>${formatNumber(panel.value)}</dd>
      <dt>Mean, deviation</dt><dd>${formatNumber(panel.mean)}, ${formatNumber(panel.std)}</dd>
      <dt>Lowest, highest</dt><dd>${formatNumber(panel.low)}, ${formatNumber(panel.high)}</dd>
      <dt>Shown as black, white</dt><dd>${formatNumber(-panel.scale)}, ${formatNumber(panel.scale)}</dd>
    </dl>`}
    ${entry.source && html`<p class="source"><code>${entry.source.code}</code>
      <span class="muted">ddpm/${entry.source.file}, line ${entry.source.line}</span></p>`}
  </section>`;
}

export function TensorRow({label, entries, panels, width, height, opened, onOpen, pixel, onPixel}) {
  const id = useId();
  const open = entries.find((entry) => entry.key === opened);
  return html`<div class="tensor-row" role="group" aria-label=${label}>
    <ol class="tensors">
      ${entries.map((entry) => html`<li key=${entry.key}>
        ${entry.join && html`<span class="join" aria-hidden="true">${entry.join}</span>`}
        <figure class="tight">
          <${TensorPicture} panel=${panels?.[entry.key]} alt=${entry.alt || entry.title} ...${{width, height, pixel, onPixel}} />
          <button type="button" class="small" aria-expanded=${entry.key === opened} aria-controls=${open ? id : undefined}
            onClick=${() => onOpen(entry.key === opened ? null : entry.key)}>${entry.title}</button>
        </figure></li>`)}
    </ol>
    ${open && html`<${Details} id=${id} entry=${open} panel=${panels?.[open.key]} />`}
  </div>`;
}
