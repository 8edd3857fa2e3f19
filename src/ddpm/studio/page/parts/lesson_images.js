// Choice of the image that a lesson adds noise to: images of the model's data, or one of the reader's own.
//
//   <${LessonImages} model="bundled:digits" image=${params.image} onPick=${(image) => …} width=${8} height=${8} />

import {html, useState} from "../vendor/htm-preact.js";
import {upload, useResource} from "./client.js";
import {ErrorMessage} from "./messages.js";
import {Picture} from "./image_grid.js";
import {useId} from "./fields.js";

export function LessonImages({model, image, onPick, width, height}) {
  const {value, error} = useResource(`/api/understand/images?model=${encodeURIComponent(model)}`);
  const [own, setOwn] = useState({list: [], error: null});
  const id = useId();
  const add = async (file) => {
    try {
      const type = file.type || "image/png";
      const added = await upload(`/api/understand/images?model=${encodeURIComponent(model)}`, file, type);
      setOwn((old) => ({list: [added, ...old.list.filter((one) => one.id !== added.id)], error: null}));
      onPick(added.id);
    } catch (failure) {
      setOwn((old) => ({...old, error: failure}));
    }
  };
  const drop = (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) add(event.dataTransfer.files[0]);
  };
  return html`<div class="tight" onDragOver=${(event) => event.preventDefault()} onDrop=${drop}>
    <div class="thumbs" role="group" aria-label="Images to start from">
      ${[...own.list, ...(value?.images || [])].map((one) => html`<button type="button" key=${one.id}
        aria-pressed=${one.id === image} aria-label=${one.name} title=${one.name} onClick=${() => onPick(one.id)}>
        <${Picture} src=${one.picture} alt="" size=${48} ...${{width, height}} /></button>`)}
    </div>
    <div class="field own-image"><label for=${id}>Your own image: PNG or JPEG, or drop it here</label>
      <input id=${id} type="file" accept="image/png,image/jpeg"
        onChange=${(event) => event.target.files[0] && add(event.target.files[0])} /></div>
    ${value?.note && html`<p class="help">${value.note}</p>`}
    <${ErrorMessage} error=${own.error || error} />
  </div>`;
}
