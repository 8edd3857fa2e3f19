// Training: one step of Algorithm 1 (Ho et al. 2020) on one image, line by line.

import {html} from "../vendor/htm-preact.js";
import {useResource} from "../parts/client.js";
import {Equation, NOISE, SIGMA, SIGNAL, X0, X_T, group, id, num, op, over, row, squared, value} from "../parts/equations.js";
import {Slider} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {LessonImages} from "../parts/lesson_images.js";
import {LabelField, PixelFields, SeedField, lessonPath, pixelOf, wholeNumber} from "../parts/lesson_fields.js";
import {ErrorMessage} from "../parts/messages.js";
import {TensorRow} from "../parts/tensor_row.js";

const c = (name) => `<msub><mi>c</mi><mi>${name}</mi></msub>`;
const EDM = over(row(X0, op("−"), c("skip"), X_T), c("out")); // Karras et al. 2022, Eq. 8
// What the network is asked for, by objective: the words and the equation of its target.
const TARGETS = {
  noise: {text: "the noise that was added", math: NOISE},
  x0: {text: "the clean image", math: X0},
  v: {text: "v, a mixture of noise and image", math: row(SIGNAL, NOISE, op("−"), SIGMA, X0)},
  velocity: {text: "the velocity from image to noise", math: row(NOISE, op("−"), X0)},
  edm: {text: "a mixture of image and noise that has variance 1 at every t (Karras et al. 2022)", math: EDM},
};

const LINES = [
  "repeat", "x₀ ← an image of the training set", "t ← a random time", "ε ← standard normal noise",
  "take a gradient step on the squared error of the network's answer", "until converged",
];

function entriesOf(lesson) {
  const target = TARGETS[lesson?.objective] || TARGETS.noise;
  return [
    {key: "x0", title: "x₀", text: "Line 2: an image of the training set."},
    {key: "noise", title: "noise ε", join: "+", text: "Line 4: one normal number for every pixel. Training knows this noise; the network does not."},
    {key: "x_t", title: "xₜ", join: "=", text: "The noisy image at the random time t of line 3. It is all that the network sees, besides t.",
      equation: html`<${Equation} math=${row(X_T, op("="), SIGNAL, X0, op("+"), SIGMA, NOISE)} label="x t equals signal times x 0 plus sigma times epsilon" />`,
      source: lesson?.sources.x_t},
    {key: "output", title: "answer", join: "→", text: `The network's answer. This model (objective ${lesson?.objective || "…"}) is asked for ${target.text}.`,
      source: lesson?.sources.output},
    {key: "target", title: "target", join: "?", text: `The right answer: ${target.text}.`,
      equation: html`<${Equation} math=${target.math} label="target of the network" />`, source: lesson?.sources.error},
    {key: "error", title: "error", join: "→", text: "Target minus answer. The mean of its square is the loss; its gradient changes the weights.",
      equation: lesson && html`<${Equation} label="the loss is the mean squared error times the weight"
        math=${row(id("L"), op("="), id("w"), op("·"), id("mean"), squared(group(id("target"), op("−"), id("answer"))), op("="), num(lesson.weight), op("×"), value(lesson.squared_error), op("="), num(lesson.loss))} />`,
      source: lesson?.sources.loss},
    {key: "x0_hat", title: "image it implies", join: "→", text: "Answer and xₜ together imply a clean image. At large t it is a blurred average of all that is possible."},
  ];
}

export function TrainingPart({model, params, change}) {
  const {value: schedule} = useResource(lessonPath("schedule", {model: model.id}));
  const {value: choice} = useResource(lessonPath("images", {model: model.id}));
  const steps = schedule?.num_steps || 1000;
  const t = wholeNumber(params.t, Math.round(steps * 0.4), 0, steps - 1);
  const image = params.image || choice?.images[0]?.id;
  const pixel = pixelOf(params, model);
  const seed = wholeNumber(params.seed, 0, 0, 2 ** 32 - 1);
  const path = image && schedule && lessonPath("training", {model: model.id, image, t, seed, label: params.label, ...pixel});
  const {value: lesson, error} = useResource(path || null);
  return html`
    <p>Training repeats one small step. An image gets noise, the network answers, and its error is made a little smaller.</p>
    <ol class="algorithm" aria-label="Algorithm 1">${LINES.map((line, i) => html`<li key=${i}>${line}</li>`)}</ol>
    <${Slider} wide label="Line 3: time t" value=${t} min=${0} max=${steps - 1} onChange=${(value) => change({t: value})}
      format=${(value) => `t = ${value} of ${steps - 1}`} />
    <${TensorRow} label="One training step" entries=${entriesOf(lesson)} panels=${lesson?.panels} width=${model.width} height=${model.height}
      opened=${params.open ?? "error"} onOpen=${(open) => change({open: open ?? ""})} pixel=${pixel}
      onPixel=${(pixelRow, column) => change({row: pixelRow, column})} />
    <${ErrorMessage} error=${error} />
    <p class="loss" role="status">${lesson && html`Loss of this image at t = ${t}: <strong>${formatNumber(lesson.loss)}</strong>`}
      ${lesson && lesson.weighting !== "simple" && ` (weight ${formatNumber(lesson.weight)}, ${lesson.weighting})`}</p>
    <h2>Settings of the step</h2>
    <div class="fields"><${SeedField} ...${{params, change}} /><${LabelField} ...${{model, params, change}} />
      <${PixelFields} ...${{pixel, model, change}} /></div>
    <${LessonImages} model=${model.id} image=${image} onPick=${(picked) => change({image: picked})} width=${model.width} height=${model.height} />`;
}
