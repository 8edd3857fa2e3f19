// Choose a folder below the roots that were allowed when the studio was started; nothing else is listed.
//
//   <${FolderChooser} roots=${[{id, name}]} root="0" path="faces" onChange=${(root, path) => …} />

import {html} from "../vendor/htm-preact.js";
import {useResource} from "./client.js";
import {Select} from "./fields.js";
import {plural} from "./format.js";
import {ErrorMessage} from "./messages.js";

export function FolderChooser({roots, root, path, onChange}) {
  const query = new URLSearchParams({root: root || "", path}).toString();
  const {value, error} = useResource(root ? `/api/folders?${query}` : null);
  const open = (name) => onChange(root, path ? `${path}/${name}` : name);
  const up = () => onChange(root, path.split("/").slice(0, -1).join("/"));
  return html`<div class="tight">
    <${Select} label="Allowed folder" value=${root || ""} options=${[{value: "", name: "choose…"}, ...roots.map((one) => ({value: one.id, name: one.name}))]}
      onChange=${(id) => onChange(id || null, "")} />
    <${ErrorMessage} error=${error} />
    ${value && html`<p>${path || "this folder"}: ${plural(value.images, "image")}</p>
    <div class="buttons">${path && html`<button type="button" class="small" onClick=${up}>Up</button>`}
      ${value.folders.map((name) => html`<button type="button" class="small" key=${name} onClick=${() => open(name)}>${name}</button>`)}</div>`}
  </div>`;
}
