// Nearest training images of a drawn image, with their distance: does the model copy?

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {useResource} from "../parts/client.js";
import {imageUrl, nameOfImage, useDrawing} from "../parts/drawing.js";
import {formatNumber} from "../parts/format.js";
import {Picture} from "../parts/image_grid.js";
import {EmptyState, ErrorMessage} from "../parts/messages.js";

export function Neighbors({params, models}) {
  const index = Number(params.index ?? 0);
  const {drawing, error: lost} = useDrawing(params.draw || null);
  const query = new URLSearchParams({draw: params.draw || "", index, count: 8});
  const {value, error} = useResource(params.draw ? `/api/neighbors?${query}` : null);
  if (!params.draw) {
    return html`<${EmptyState} title="Which image?" action=${html`<a class="button primary" href=${addressOf("draw")}>Draw</a>`}>
      Draw images, click one, and choose “Nearest training images”.<//>`;
  }
  if (lost || error) return html`<${ErrorMessage} error=${lost || error} />`;
  if (!drawing) return null;
  const {width, height} = models.find((model) => model.id === drawing.request.model) || drawing;
  const size = {width, height, size: 128};
  const name = nameOfImage(drawing, index);
  return html`<section class="panel" aria-label="Nearest training images">
    <div class="row top">
      <figure class="tight"><figcaption>drawn, ${name}</figcaption><${Picture} src=${imageUrl(drawing, index)} alt=${`Drawn image, ${name}`} ...${size} /></figure>
      ${value ? value.neighbors.map((one, rank) => html`<figure key=${one.url} class="tight"><figcaption>${rank + 1}. distance ${formatNumber(one.distance)}</figcaption>
        <${Picture} src=${one.url} alt=${`Training image ${rank + 1}, distance ${formatNumber(one.distance)}`} ...${size} /></figure>`)
    : html`<p class="muted" role="status">Searching the training images…</p>`}
    </div>
    ${value?.note && html`<p class="muted">${value.note}</p>`}
  </section>`;
}
