// Adding noise: the forward process on one image, with the schedule's numbers (Ho et al. 2020, Eq. 4).

import {html} from "../vendor/htm-preact.js";
import {useResource} from "../parts/client.js";
import {Curve} from "../parts/curve.js";
import {Equation, NOISE, SIGMA, SIGNAL, X0, X_T, num, op, row, value} from "../parts/equations.js";
import {Slider} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {LessonImages} from "../parts/lesson_images.js";
import {PixelFields, SeedField, lessonPath, pixelOf, wholeNumber} from "../parts/lesson_fields.js";
import {ErrorMessage} from "../parts/messages.js";
import {TensorRow} from "../parts/tensor_row.js";

const PATH = row(X_T, op("="), SIGNAL, X0, op("+"), SIGMA, NOISE);

function numbersOf(lesson) {
  const {x0, noise, x_t: noisy} = lesson.panels;
  return row(
    num(noisy.value), op("="), num(lesson.signal), op("×"), value(x0.value), op("+"), num(lesson.sigma), op("×"), value(noise.value),
  );
}

const ENTRIES = (lesson) => [
  {key: "x0", title: "x₀", text: "An image is numbers: -1 is black, 1 is white. The model sees nothing else."},
  {key: "noise", title: "noise ε", join: "+", text: "Every pixel gets its own number from a standard normal distribution, drawn from the seed."},
  {key: "x_t", title: "xₜ", join: "=", text: "The image is scaled down, the noise up. One formula gives every time t at once: no loop over the steps.",
    equation: lesson && html`<${Equation} math=${PATH} label="x t equals square root of alpha bar times x 0, plus square root of one minus alpha bar times epsilon" />
      <${Equation} math=${numbersOf(lesson)} label="the equation with the numbers of the marked pixel" />`,
    source: lesson?.source},
];

function Numbers({lesson}) {
  return html`<dl class="facts numbers">
    ${lesson.alpha_bar !== null && html`<dt>ᾱₜ, the share of the image's variance left</dt><dd>${formatNumber(lesson.alpha_bar)}</dd>`}
    ${lesson.beta !== null && html`<dt>βₜ, the variance added by this one step</dt><dd>${formatNumber(lesson.beta)}</dd>`}
    <dt>signal, noise (the two factors)</dt><dd>${formatNumber(lesson.signal)}, ${formatNumber(lesson.sigma)}</dd>
    <dt>SNR, signal² / noise²</dt><dd>${formatNumber(lesson.snr)}</dd>
    <dt>log-SNR</dt><dd>${lesson.log_snr === null ? "-∞: pure noise" : formatNumber(lesson.log_snr)}</dd>
  </dl>`;
}

function ScheduleCurve({schedule, t}) {
  const nearest = schedule.t.reduce((best, one, i) => (Math.abs(one - t) < Math.abs(schedule.t[best] - t) ? i : best), 0);
  const at = (values) => values.map((one, i) => (i === nearest ? one : null));
  return html`<${Curve} title=${`Noise schedule: ${schedule.name}`} x=${schedule.t} xName="t" yName="factor" height=${208} series=${[
    {name: "signal", values: schedule.signal, color: "--blue", width: 2},
    {name: "noise", values: schedule.sigma, color: "--vermilion", width: 2},
    {name: "signal at t", values: at(schedule.signal), color: "--blue", points: true},
    {name: "noise at t", values: at(schedule.sigma), color: "--vermilion", points: true},
  ]} />`;
}

export function ForwardPart({model, params, change}) {
  const {value: schedule, error: missing} = useResource(lessonPath("schedule", {model: model.id}));
  const {value: choice} = useResource(lessonPath("images", {model: model.id}));
  const steps = schedule?.num_steps || 1000;
  const t = wholeNumber(params.t, Math.round(steps * 0.4), 0, steps - 1);
  const image = params.image || choice?.images[0]?.id;
  const pixel = pixelOf(params, model);
  const seed = wholeNumber(params.seed, 0, 0, 2 ** 32 - 1);
  const path = image && schedule && lessonPath("forward", {model: model.id, image, t, seed, ...pixel});
  const {value: lesson, error} = useResource(path || null);
  return html`
    <p>The forward process turns an image into noise. Move t: at 0 the image is untouched, at the end it is gone.
      The network will learn to go the other way.</p>
    <${Slider} wide label="Time t" value=${t} min=${0} max=${steps - 1} onChange=${(value) => change({t: value})}
      format=${(value) => `t = ${value} of ${steps - 1}`} />
    <${TensorRow} label="Image plus noise" entries=${ENTRIES(lesson)} panels=${lesson?.panels} width=${model.width} height=${model.height}
      opened=${params.open ?? "x_t"} onOpen=${(open) => change({open: open ?? ""})} pixel=${pixel}
      onPixel=${(pixelRow, column) => change({row: pixelRow, column})} />
    <${ErrorMessage} error=${error || missing} />
    <div class="columns"><div class="stack">
      <div class="schedule">${schedule && html`<${ScheduleCurve} schedule=${schedule} t=${t} />`}</div>
      <h2>The image</h2>
      <${LessonImages} model=${model.id} image=${image} onPick=${(picked) => change({image: picked})} width=${model.width} height=${model.height} />
    </div><div class="stack">
      <h2>At t = ${t}</h2>
      <div class="level-numbers">${lesson && html`<${Numbers} lesson=${lesson} />`}</div>
      <div class="fields"><${SeedField} ...${{params, change}} /><${PixelFields} ...${{pixel, model, change}} /></div>
    </div></div>`;
}

