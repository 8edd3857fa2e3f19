// Modal window: <${Dialog} title="Seed 7" onClose=${…}>…<//>. Escape closes it; focus returns to where it was.

import {html, useEffect, useRef} from "../vendor/htm-preact.js";
import {useId} from "./fields.js";

export function Dialog({title, onClose, children}) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.focus?.();
  }, []);
  const outside = (event) => event.target === element.current && onClose();
  return html`<dialog ref=${element} aria-labelledby=${id} onClose=${onClose} onClick=${outside}>
    <header><h2 id=${id}>${title}</h2><button type="button" onClick=${onClose}>Close</button></header>
    ${children}
  </dialog>`;
}
