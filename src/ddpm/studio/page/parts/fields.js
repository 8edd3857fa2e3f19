// Form fields, each with its label. `onChange` gets the value, not the event.
//
//   <${Select} label="Sampler" value=${s} options=${[{value, name}]} onChange=${…} help="…" />
//   <${NumberField} label="Seed" value=${0} min=${0} max=${9} step=${1} onChange=${…} />
//   <${Slider} label="t" value=${3} min=${0} max=${9} onChange=${…} format=${(v) => `t = ${v}`} />
//   <${TextField} label="Name" value="" onChange=${…} /> · <${Toggle} label="EMA" checked onChange=${…} />

import {html, useEffect, useState} from "../vendor/htm-preact.js";

let count = 0;

/** Hook: an id for a label, stable while the component lives. */
export function useId() {
  const [id] = useState(() => `field-${(count += 1)}`);
  return id;
}

function Field({id, label, help, wide, children}) {
  return html`<div class=${`field${wide ? " wide" : ""}`}>
    <label for=${id}>${label}</label>
    ${children}
    ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
  </div>`;
}

const describedBy = (id, help) => (help ? `${id}-help` : undefined);

export function Select({label, value, options, onChange, help, wide, disabled}) {
  const id = useId();
  return html`<${Field} ...${{id, label, help, wide}}>
    <select id=${id} value=${value} disabled=${disabled} aria-describedby=${describedBy(id, help)}
      onChange=${(event) => onChange(event.target.value)}>
      ${options.map((option) => html`<option key=${option.value} value=${option.value}
        selected=${String(option.value) === String(value)}>${option.name}</option>`)}
    </select>
  <//>`;
}

/** Number that reports a change when it is a number within its bounds. Empty: `null` if `optional`. */
export function NumberField({label, value, min, max, step = 1, onChange, help, wide, optional, placeholder}) {
  const id = useId();
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  const change = (event) => {
    setText(event.target.value);
    if (event.target.value === "" && optional) onChange(null);
    else if (event.target.value !== "" && event.target.validity.valid) onChange(Number(event.target.value));
  };
  return html`<${Field} ...${{id, label, help, wide}}>
    <input id=${id} type="number" inputmode="decimal" ...${{min, max, step, placeholder}} value=${text}
      required=${!optional} aria-describedby=${describedBy(id, help)} onInput=${change} />
  <//>`;
}

export function TextField({label, value, onChange, help, wide, placeholder, pattern, required}) {
  const id = useId();
  return html`<${Field} ...${{id, label, help, wide}}>
    <input id=${id} type="text" ...${{placeholder, pattern, required}} value=${value}
      autocomplete="off" spellcheck=${false} aria-describedby=${describedBy(id, help)}
      onInput=${(event) => onChange(event.target.value)} />
  <//>`;
}

/** Range with its value beside the label. */
export function Slider({label, value, min, max, step = 1, onChange, format = String, help, wide, disabled}) {
  const id = useId();
  const text = format(value);
  return html`<div class=${`field slider${wide ? " wide" : ""}`}>
    <label for=${id}>${label}</label><output for=${id}>${text}</output>
    <input id=${id} type="range" ...${{min, max, step, disabled}} value=${value} aria-valuetext=${text}
      aria-describedby=${describedBy(id, help)} onInput=${(event) => onChange(Number(event.target.value))} />
    ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
  </div>`;
}

export function Toggle({label, checked, onChange, help, disabled}) {
  const id = useId();
  return html`<div class="field toggle">
    <input id=${id} type="checkbox" ...${{checked, disabled}} aria-describedby=${describedBy(id, help)}
      onChange=${(event) => onChange(event.target.checked)} />
    <label for=${id}>${label}</label>
    ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
  </div>`;
}
