// Settings that lessons share: numbers out of the address, the marked pixel, seed and label.

import {html} from "../vendor/htm-preact.js";
import {NumberField, Select} from "./fields.js";

/** Return the whole number `text`, or `other` if it is none or lies outside low … high. */
export function wholeNumber(text, other, low, high) {
  const number = Number(text);
  return text !== undefined && text !== "" && Number.isInteger(number) && number >= low && number <= high ? number : other;
}

/** Return the pixel of the address, by default the middle of the image. */
export function pixelOf(params, {width, height}) {
  return {
    row: wholeNumber(params.row, Math.floor(height / 2), 0, height - 1),
    column: wholeNumber(params.column, Math.floor(width / 2), 0, width - 1),
  };
}

/** Return an address of the lessons' interface; entries that are null or undefined are left out. */
export function lessonPath(name, values) {
  const present = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return `/api/understand/${name}?${new URLSearchParams(present)}`;
}

export function PixelFields({pixel, model, change}) {
  return html`
    <${NumberField} label="Pixel: row" value=${pixel.row} min=${0} max=${model.height - 1} onChange=${(row) => change({row})} />
    <${NumberField} label="Pixel: column" value=${pixel.column} min=${0} max=${model.width - 1} onChange=${(column) => change({column})} />`;
}

export function SeedField({params, change}) {
  const seed = wholeNumber(params.seed, 0, 0, 2 ** 32 - 1);
  return html`<${NumberField} label="Seed of the noise" value=${seed} min=${0} max=${2 ** 32 - 1} onChange=${(value) => change({seed: value})} />`;
}

export function LabelField({model, params, change}) {
  if (!model.classes?.length) return null;
  const options = [{value: "", name: "none"}, ...model.classes.map((name, index) => ({value: index, name}))];
  return html`<${Select} label="Label" value=${params.label ?? ""} options=${options} onChange=${(label) => change({label: label === "" ? null : label})} />`;
}
