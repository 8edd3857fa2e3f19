// Place to drop a file, which is also a button that opens the file chooser.
//
//   <${FileDrop} label="Drop a PNG to restore its settings" accept="image/png" onFile=${(file) => …} busy=${false} />

import {html, useRef, useState} from "../vendor/htm-preact.js";

export function FileDrop({label, accept, onFile, busy = false, children}) {
  const input = useRef(null);
  const [over, setOver] = useState(false);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) onFile(file);
  };
  const choose = (event) => {
    const [file] = event.target.files;
    if (file) onFile(file);
    event.target.value = "";
  };
  return html`<div class=${`drop${over ? " over" : ""}`} onDrop=${drop} onDragLeave=${() => setOver(false)}
    onDragOver=${(event) => { event.preventDefault(); setOver(true); }}>
    <span>${label}</span>
    <button type="button" disabled=${busy} onClick=${() => input.current.click()} aria-label=${`Choose a file: ${label}`}>${busy ? "Reading…" : "Choose a file"}</button>
    <input ref=${input} type="file" accept=${accept} hidden onChange=${choose} />
    ${children}
  </div>`;
}
