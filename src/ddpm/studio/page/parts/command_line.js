// Command to copy: <${CommandLine} command="ddpm sample mnist --seed 3" />

import {html, useEffect, useState} from "../vendor/htm-preact.js";

async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), {value: text}); // pages without https
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}

export function CommandLine({command, label = "Command"}) {
  const [state, setState] = useState("");
  useEffect(() => setState(""), [command]);
  const copy = () => copyText(command).then(() => setState("Copied"), () => setState("Select and copy it"));
  return html`<div class="command" role="group" aria-label=${label}>
    <code tabindex="0">${command}</code>
    <button type="button" onClick=${copy} aria-label="Copy the command">${state === "Copied" ? "Copied" : "Copy"}</button>
    <span class="visually-hidden" role="status">${state}</span>
  </div>`;
}
