// Sentences of a view.
//
//   <${ErrorMessage} error=${error} />                      the server's sentence; nothing if null
//   <${EmptyState} title="No run yet" action=${html`<a …>`}>What to do next.<//>
//   <${NoModel} view="draw" id=${params.model} />            no model of this name, or none at all
//   <${Progress} value=${0.4} label="Training" text="40 %, 30 s left" />      value null: unknown

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "./address.js";

export function ErrorMessage({error}) {
  return error ? html`<p class="error" role="alert">${error.message || String(error)}</p>` : null;
}

export function EmptyState({title, action, children}) {
  return html`<section class="empty"><h2>${title}</h2><p>${children}</p>${action && html`<p>${action}</p>`}</section>`;
}

export function NoModel({view, id, tab}) {
  if (id) {
    const others = html`<a class="button primary" href=${addressOf(view, {tab})}>Choose another model</a>`;
    return html`<${EmptyState} title=${`There is no model ${id} here`} action=${others}>
      The run was renamed or deleted, has no checkpoint yet, or is of a kind that this view cannot use.<//>`;
  }
  return html`<${EmptyState} title="No model yet" action=${html`<a class="button primary" href=${addressOf("new")}>New run</a>`}>
    Train one first; a minute on the bundled digits is enough.<//>`;
}

export function Progress({value, label, text}) {
  const known = value !== null && value !== undefined;
  return html`<div class="progress">
    <progress max="1" aria-label=${label} ...${known ? {value} : {}} />
    <span class="muted">${text}</span>
  </div>`;
}
