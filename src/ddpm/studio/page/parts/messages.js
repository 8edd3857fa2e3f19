// Sentences of a view.
//
//   <${ErrorMessage} error=${error} />                      the server's sentence; nothing if null
//   <${EmptyState} title="No run yet" action=${html`<a …>`}>What to do next.<//>
//   <${Progress} value=${0.4} label="Training" text="40 %, 30 s left" />      value null: unknown

import {html} from "../vendor/htm-preact.js";

export function ErrorMessage({error}) {
  return error ? html`<p class="error" role="alert">${error.message || String(error)}</p>` : null;
}

export function EmptyState({title, action, children}) {
  return html`<section class="empty"><h2>${title}</h2><p>${children}</p>${action && html`<p>${action}</p>`}</section>`;
}

export function Progress({value, label, text}) {
  const known = value !== null && value !== undefined;
  return html`<div class="progress">
    <progress max="1" aria-label=${label} ...${known ? {value} : {}} />
    <span class="muted">${text}</span>
  </div>`;
}
