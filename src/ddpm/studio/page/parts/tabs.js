// Parts of a view as links, so that each has its address: <${Tabs} view="lab" names=${{a: "A"}} current="a" params=${…} />

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "./address.js";

export function Tabs({view, names, current, params = {}, label = "Parts"}) {
  return html`<nav class="tabs" aria-label=${label}>${Object.entries(names).map(([key, name]) => html`<a key=${key}
    href=${addressOf(view, {...params, tab: key})} aria-current=${key === current ? "page" : undefined}>${name}</a>`)}</nav>`;
}
