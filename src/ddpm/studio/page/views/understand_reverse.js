// Sampling: one step of Algorithm 2 (Ho et al. 2020), forward and back, with every quantity of the step.

import {html} from "../vendor/htm-preact.js";
import {useResource} from "../parts/client.js";
import {
  DEVIATION, Equation, MEAN, PREDICTED_NOISE, SIGMA, SIGNAL, X0_HAT, X_NEXT, X_T, Z, num, op, over, row, value,
} from "../parts/equations.js";
import {NumberField, Select, Slider} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {Filmstrip} from "../parts/filmstrip.js";
import {LabelField, PixelFields, SeedField, lessonPath, pixelOf, wholeNumber} from "../parts/lesson_fields.js";
import {ErrorMessage} from "../parts/messages.js";
import {TensorRow} from "../parts/tensor_row.js";

const DEFAULT_STEPS = 50;

function entriesOf(step) {
  const at = (name) => step?.panels[name].value;
  return [
    {key: "x_t", title: "xₜ", text: "The state before this step. At the first step it is pure noise."},
    {key: "noise", title: "noise ε̂", join: "→", text: "The noise that the network sees in xₜ (whatever the model's objective, its answer can be written as noise).",
      source: step?.sources.x0},
    {key: "x0_unclipped", title: "x̂₀", join: "→", text: "The clean image that this noise implies.",
      equation: step && html`<${Equation} math=${row(X0_HAT, op("="), over(row(X_T, op("−"), SIGMA, PREDICTED_NOISE), SIGNAL))} label="x hat 0 equals x t minus sigma times predicted noise, divided by signal" />
        <${Equation} math=${row(num(at("x0_unclipped")), op("="), over(row(num(at("x_t")), op("−"), num(step.sigma), op("×"), value(at("noise"))), num(step.signal)))} label="the equation with the numbers of the marked pixel" />`},
    {key: "x0", title: "clipped", join: "→", text: "Images lie between -1 and 1. A prediction outside is clipped before it is used."},
    {key: "mean", title: "mean μₜ", join: "→", text: "The mean of the posterior: a little of the predicted image, the rest of what is there.",
      equation: step && html`<${Equation} math=${row(MEAN, op("="), num(step.mean_of_x_t), X_T, op("+"), num(step.mean_of_x0), X0_HAT)} label="mean equals a factor times x t plus a factor times x hat 0" />
        <${Equation} math=${row(num(at("mean")), op("="), num(step.mean_of_x_t), op("×"), value(at("x_t")), op("+"), num(step.mean_of_x0), op("×"), value(at("x0")))} label="the equation with the numbers of the marked pixel" />`,
      source: step?.sources.mean},
    {key: "z", title: "noise z", join: "+", text: step && step.posterior_std === 0 ? "The last step adds no noise (line 3)." :
      "Fresh noise, times the standard deviation of the posterior. Without it all images would look alike and smooth."},
    {key: "x_next", title: "xₜ₋₁", join: "=", text: "The state after this step: the same image, a little less noisy.",
      equation: step && html`<${Equation} math=${row(X_NEXT, op("="), MEAN, op("+"), DEVIATION, Z)} label="x t minus 1 equals mean plus deviation times z" />
        <${Equation} math=${row(num(at("x_next")), op("="), num(at("mean")), op("+"), num(step.posterior_std), op("×"), value(at("z")))} label="the equation with the numbers of the marked pixel" />`,
      source: step?.sources.x_next},
  ];
}

/** The row of one step, for the sound process or for one with a mistake. */
function StepRow({label, path, model, params, change, pixel}) {
  const {value: walk, error} = useResource(path);
  return html`<${ErrorMessage} error=${error} />
    <${TensorRow} label=${label} entries=${entriesOf(walk?.step)} panels=${walk?.step.panels} width=${model.width} height=${model.height}
      opened=${params.open ?? "x0_unclipped"} onOpen=${(open) => change({open: open ?? ""})} pixel=${pixel}
      onPixel=${(pixelRow, column) => change({row: pixelRow, column})} />`;
}

export function ReversePart({model, params, change}) {
  const {value: mistakes} = useResource("/api/understand/mistakes");
  const steps = wholeNumber(params.steps, DEFAULT_STEPS, 2, 250);
  const step = wholeNumber(params.step, Math.min(Math.floor(steps * 0.6), steps - 1), 0, steps - 1);
  const pixel = pixelOf(params, model);
  const seed = wholeNumber(params.seed, 0, 0, 2 ** 32 - 1);
  const shared = {model: model.id, seed, steps, label: params.label};
  const pathOf = (mistake) => lessonPath("reverse", {...shared, step, mistake, ...pixel});
  const {value: walk, error} = useResource(pathOf(null));
  const move = (by) => change({step: Math.min(steps - 1, Math.max(0, step + by))});
  return html`
    <p>Sampling starts from noise and walks back. Each step asks the network which noise it sees, and removes a part of it.</p>
    <${Filmstrip} walk=${walk} current=${step} onPick=${(picked) => change({step: picked})} width=${model.width} height=${model.height} />
    <div class="scrubber">
      <button type="button" onClick=${() => move(-1)} disabled=${step === 0}>Step back</button>
      <${Slider} label="Step" value=${step} min=${0} max=${steps - 1} onChange=${(picked) => change({step: picked})}
        format=${(one) => `${one + 1} of ${steps}${walk ? `, t = ${walk.step.t}` : ""}`} />
      <button type="button" onClick=${() => move(1)} disabled=${step === steps - 1}>Step forward</button>
    </div>
    <${StepRow} label="One step of Algorithm 2" path=${pathOf(null)} ...${{model, params, change, pixel}} />
    <${ErrorMessage} error=${error} />
    ${walk && html`<p class="muted">t = ${walk.step.t} → ${walk.step.next_t ?? "clean image"} · signal ${formatNumber(walk.step.signal)} · noise ${formatNumber(walk.step.sigma)} · deviation of the step ${formatNumber(walk.step.posterior_std)}</p>`}
    <h2>With a mistake</h2>
    <div class="fields switch"><${Select} label="The same step with" value=${params.mistake || ""} onChange=${(mistake) => change({mistake: mistake || null})}
      options=${[{value: "", name: "no mistake"}, ...(mistakes || []).map((one) => ({value: one.name, name: one.title}))]} /></div>
    ${params.mistake && html`<p class="note">${mistakes?.find((one) => one.name === params.mistake)?.cause}</p>
      <${StepRow} label="The same step with the mistake" path=${pathOf(params.mistake)} ...${{model, params, change, pixel}} />`}
    <h2>Settings of the walk</h2>
    <div class="fields"><${SeedField} ...${{params, change}} />
      <${NumberField} label="Steps" value=${steps} min=${2} max=${250} onChange=${(count) => change({steps: count, step: null})} />
      <${LabelField} ...${{model, params, change}} /><${PixelFields} ...${{pixel, model, change}} /></div>`;
}
