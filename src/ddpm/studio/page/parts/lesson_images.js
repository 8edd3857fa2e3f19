// Choice of the image that a lesson adds noise to: images of the model's data, or one of the reader's own.
//
//   <${LessonImages} model="bundled:digits" image=${params.image} onPick=${(image) => …} width=${8} height=${8} />

import {html, useState} from "../vendor/htm-preact.js";
import {upload, useResource} from "./client.js";
import {FileDrop} from "./file_drop.js";
import {ErrorMessage} from "./messages.js";
import {Picture} from "./image_grid.js";

export function LessonImages({model, image, onPick, width, height}) {
  const path = `/api/understand/images?model=${encodeURIComponent(model)}`;
  const {value, error} = useResource(path);
  const [own, setOwn] = useState({list: [], error: null});
  const add = async (file) => {
    try {
      const added = await upload(path, file, file.type || "image/png");
      setOwn((old) => ({list: [added, ...old.list.filter((one) => one.id !== added.id)], error: null}));
      onPick(added.id);
    } catch (failure) {
      setOwn((old) => ({...old, error: failure}));
    }
  };
  return html`<div class="tight starting">
    <div class="thumbs" role="group" aria-label="Images to start from">
      ${[...own.list, ...(value?.images || [])].map((one) => html`<button type="button" key=${one.id}
        aria-pressed=${one.id === image} aria-label=${one.name} title=${one.name} onClick=${() => onPick(one.id)}>
        <${Picture} src=${one.picture} alt="" size=${56} ...${{width, height}} /></button>`)}
    </div>
    ${value?.note && html`<p class="help">${value.note}</p>`}
    <${FileDrop} label="Drop an image of your own: PNG or JPEG" accept="image/png,image/jpeg" onFile=${add} />
    <${ErrorMessage} error=${own.error || error} />
  </div>`;
}
