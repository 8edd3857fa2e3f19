// Equations in MathML, built from small pieces.
//
//   <${Equation} math=${row(sub("x", "t"), op("="), num(0.5))} label="x_t equals 0.5" />
//
// MathML is parsed from text, since elements made one by one would lie outside its namespace. The text holds
// constants of this file and numbers only.

import {html} from "../vendor/htm-preact.js";
import {formatNumber} from "./format.js";

export const id = (name) => `<mi>${name}</mi>`;
export const op = (sign) => `<mo>${sign}</mo>`;
export const num = (value) => `<mn>${formatNumber(value)}</mn>`;
export const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
export const sub = (base, index) => `<msub>${id(base)}<mrow>${index}</mrow></msub>`;
export const root = (...parts) => `<msqrt>${row(...parts)}</msqrt>`;
export const over = (top, bottom) => `<mfrac>${row(top)}${row(bottom)}</mfrac>`;
export const squared = (part) => `<msup>${row(part)}<mn>2</mn></msup>`;
export const group = (...parts) => row(op("("), ...parts, op(")"));
export const hat = (name) => `<mover accent="true">${id(name)}<mo>^</mo></mover>`;

const bar = (index) => `<msub><mover accent="true">${id("α")}<mo>¯</mo></mover><mrow>${index}</mrow></msub>`;
export const T = id("t");
export const X0 = sub("x", "<mn>0</mn>");
export const X_T = sub("x", T);
export const X_NEXT = sub("x", row(T, op("−"), "<mn>1</mn>"));
export const ALPHA_BAR = bar(T);
export const NOISE = id("ε");
export const PREDICTED_NOISE = `<msub>${hat("ε")}<mi>θ</mi></msub>`;
export const X0_HAT = `<msub>${hat("x")}<mn>0</mn></msub>`;
export const MEAN = sub("μ", T);
export const DEVIATION = sub("σ", T);
export const Z = id("z");
export const SIGNAL = root(ALPHA_BAR);
export const SIGMA = root("<mn>1</mn>", op("−"), ALPHA_BAR);

/** Number with its sign in parentheses if it is negative. */
export const value = (number) => (number < 0 ? group(num(number)) : num(number));

export function Equation({math, label}) {
  const text = `<math display="block" aria-label="${label}">${math}</math>`;
  return html`<div class="equation" tabindex="0" dangerouslySetInnerHTML=${{__html: text}} />`;
}
