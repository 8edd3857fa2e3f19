// Two dimensions: diffusion of points in the plane, computed in the page. Density, score field and the samplers' paths.

import {html, useEffect, useMemo, useRef} from "../vendor/htm-preact.js";
import {NumberField, Select, Slider, Toggle} from "../parts/fields.js";
import {useWidth} from "../parts/image_grid.js";
import {useDarkLook} from "../parts/media.js";
import {wholeNumber} from "../parts/lesson_fields.js";
import {DATA, SAMPLERS, density, levels, samplePaths, score} from "../parts/toy_diffusion.js";

const REACH = 2.4; // the plane shown is -REACH … REACH
const CELLS = 96; // density cells across
const ARROWS = 17;
const COUNT = 40;

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function drawDensity(context, size, data, level, ink) {
  const cell = (2 * REACH) / CELLS;
  const values = Float64Array.from({length: CELLS * CELLS}, (_, i) => density(
    data, level, -REACH + ((i % CELLS) + 0.5) * cell, REACH - (Math.floor(i / CELLS) + 0.5) * cell));
  const top = values.reduce((most, value) => Math.max(most, value), 0);
  const [red, green, blue] = ink.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  const cells = Object.assign(document.createElement("canvas"), {width: CELLS, height: CELLS});
  const shade = new ImageData(CELLS, CELLS);
  values.forEach((value, i) => shade.data.set([red, green, blue, 140 * Math.sqrt(value / top)], 4 * i));
  cells.getContext("2d").putImageData(shade, 0, 0);
  context.drawImage(cells, 0, 0, size, size);
}

function drawArrows(context, size, data, level, color) {
  const place = (x, y) => [((x + REACH) / (2 * REACH)) * size, ((REACH - y) / (2 * REACH)) * size];
  context.strokeStyle = color;
  context.lineWidth = 1;
  for (let i = 0; i < ARROWS * ARROWS; i += 1) {
    const x = -REACH + (2 * REACH * ((i % ARROWS) + 0.5)) / ARROWS;
    const y = REACH - (2 * REACH * (Math.floor(i / ARROWS) + 0.5)) / ARROWS;
    const [dx, dy] = score(data, level, x, y);
    const length = Math.hypot(dx, dy) || 1;
    const reach = (REACH / ARROWS) * Math.tanh(length * level.sigma);
    const [fromX, fromY] = place(x, y);
    const [toX, toY] = place(x + (dx / length) * reach, y + (dy / length) * reach);
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
    context.fillStyle = color;
    context.fillRect(toX - 1.5, toY - 1.5, 3, 3);
  }
}

function drawPaths(context, size, paths, step, {line, point}) {
  const place = ([x, y]) => [((x + REACH) / (2 * REACH)) * size, ((REACH - y) / (2 * REACH)) * size];
  context.lineWidth = 1;
  for (const path of paths) {
    context.strokeStyle = line;
    for (let i = 1; i <= step; i += 1) { // older steps fade
      context.globalAlpha = Math.max(0.1, 0.8 * 0.7 ** (step - i));
      context.beginPath();
      context.moveTo(...place(path[i - 1]));
      context.lineTo(...place(path[i]));
      context.stroke();
    }
    context.globalAlpha = 1;
    context.fillStyle = point;
    const [x, y] = place(path[step]);
    context.beginPath();
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Return the mean distance of the points to the nearest center of the data. */
export function distanceToData(data, paths, step) {
  const nearest = ([x, y]) => Math.min(...data.map(([mx, my]) => Math.hypot(x - mx, y - my)));
  return paths.reduce((sum, path) => sum + nearest(path[step]), 0) / paths.length;
}

export function ToyPart({params, change}) {
  const kind = DATA[params.data] ? params.data : "moons";
  const sampler = SAMPLERS[params.sampler] ? params.sampler : "ddim";
  const steps = wholeNumber(params.steps, 20, 1, 100);
  const step = wholeNumber(params.step, Math.round(steps * 0.6), 0, steps);
  const seed = wholeNumber(params.seed, 0, 0, 999999);
  const arrows = params.arrows !== "0";
  const data = DATA[kind].components;
  const paths = useMemo(() => samplePaths({data, sampler, steps, count: COUNT, seed}), [kind, sampler, steps, seed]);
  const level = levels(steps)[step];
  const [box, across] = useWidth();
  const size = Math.min(across || 560, 640);
  const canvas = useRef(null);
  const dark = useDarkLook();
  useEffect(() => {
    const context = canvas.current.getContext("2d");
    const scale = devicePixelRatio || 1;
    Object.assign(canvas.current, {width: size * scale, height: size * scale});
    context.scale(scale, scale);
    const shown = level.sigma > 0 ? level : {signal: 1, sigma: 0};
    drawDensity(context, size, data, shown, colorOf("--ink"));
    if (arrows && level.sigma > 0) drawArrows(context, size, data, shown, colorOf("--muted"));
    drawPaths(context, size, paths, step, {line: colorOf("--blue"), point: colorOf("--vermilion")});
  }, [size, kind, sampler, steps, step, seed, arrows, dark]);
  const move = (by) => change({step: Math.min(steps, Math.max(0, step + by))});
  const distance = distanceToData(data, paths, step);
  return html`
    <p>Here an image is a point with two numbers. Gray is the density of xₜ, arrows are its score: the way to more likely
      points. A perfect network knows them exactly. Step the points from noise to data; try fewer steps and another sampler.</p>
    <div class="columns">
      <div ref=${box}><canvas ref=${canvas} class="plane" role="img" style=${{width: `${size}px`, aspectRatio: "1"}}
        aria-label=${`${COUNT} points after step ${step} of ${steps}; their mean distance to the data is ${distance.toFixed(2)}`} /></div>
      <div class="stack">
        <div class="row"><button type="button" onClick=${() => move(-1)} disabled=${step === 0}>Step back</button>
          <button type="button" onClick=${() => move(1)} disabled=${step === steps}>Step forward</button></div>
        <${Slider} label="Step" value=${step} min=${0} max=${steps} onChange=${(value) => change({step: value})}
          format=${(value) => `${value} of ${steps}`} />
        <p role="status">Mean distance to the data: <strong>${distance.toFixed(2)}</strong></p>
        <${Select} label="Data" value=${kind} onChange=${(value) => change({data: value})}
          options=${Object.entries(DATA).map(([value, one]) => ({value, name: one.name}))} />
        <${Select} label="Sampler" value=${sampler} onChange=${(value) => change({sampler: value})}
          options=${Object.entries(SAMPLERS).map(([value, name]) => ({value, name}))} />
        <${NumberField} label="Steps" value=${steps} min=${1} max=${100} onChange=${(value) => change({steps: value, step: null})} />
        <${NumberField} label="Seed" value=${seed} min=${0} max=${999999} onChange=${(value) => change({seed: value})} />
        <${Toggle} label="Show the score" checked=${arrows} onChange=${(checked) => change({arrows: checked ? null : 0})} />
      </div>
    </div>`;
}
