// X/Y grid: one image for every pair of values of two settings, drawn one after another from one seed.
//
//   <${SettingsGrid} params change model samplers />     its state: gx, xs (values), gy, ys in the address

import {html, useEffect, useRef, useState} from "../vendor/htm-preact.js";
import {finishedDrawing, imageUrl, requestOf, settingsOf, startDrawing} from "./drawing.js";
import {get} from "./client.js";
import {Select, TextField} from "./fields.js";
import {plural} from "./format.js";
import {loadPicture, wholeFactor} from "./image_grid.js";
import {ErrorMessage} from "./messages.js";

const MOST_CELLS = 64;
const NAMES = {steps: "steps", guidance: "guidance", sampler: "sampler", seed: "seed", label: "label"};
const BUSY = 429; // the queue is full: wait and ask again

/** Return the settings that a model's images can vary by, with values to begin with. */
function axesOf(model, samplers, settings) {
  const axes = {};
  if (settings.sampler) {
    axes.steps = "3, 5, 8, 15";
    axes.sampler = (samplers || []).filter((one) => one.name !== "ancestral").slice(0, 4).map((one) => one.name).join(", ");
  }
  if (model.can_guide) axes.guidance = "1, 2, 3, 5";
  axes.seed = [0, 1, 2, 3].map((step) => settings.seed + step).join(", ");
  if (model.classes) axes.label = model.classes.slice(0, 4).join(", ");
  return axes;
}

/** Return the values of an axis as parameters of the address, and as written. */
function valuesOf(axis, text, model) {
  const words = text.split(",").map((word) => word.trim()).filter(Boolean);
  if (axis !== "label") return words.map((word) => ({name: word, value: word}));
  return words.map((word) => ({name: word, value: Math.max(0, model.classes.indexOf(word))}));
}

/** Return the address of the only image of a request: drawn before, or drawn now. */
async function drawCell(request, signal) {
  const key = `ddpm.cell ${JSON.stringify(request)}`;
  const before = sessionStorage.getItem(key);
  if (before) {
    const known = await get(`/api/draws/${before}`, {signal}).catch(() => null);
    if (known && !["failed", "cancelled"].includes(known.state)) return imageUrl(await finishedDrawing(before, signal), 0);
  }
  for (;;) {
    try {
      const {id} = await startDrawing(request);
      sessionStorage.setItem(key, id);
      const drawing = await finishedDrawing(id, signal, 100);
      if (drawing.state !== "done") throw new Error(drawing.error || "The drawing was cancelled.");
      return imageUrl(drawing, 0);
    } catch (error) {
      if (error.status !== BUSY) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
  }
}

export function SettingsGrid({params, change, model, samplers}) {
  const settings = settingsOf(params, model, samplers);
  const axes = axesOf(model, samplers, settings);
  const names = Object.keys(axes);
  const gx = axes[params.gx] !== undefined ? params.gx : names[0];
  const gy = axes[params.gy] !== undefined ? params.gy : names.find((name) => name !== gx) || gx;
  const [xs, ys] = [params.xs ?? axes[gx], params.ys ?? axes[gy]];
  const across = valuesOf(gx, xs, model);
  const down = valuesOf(gy, ys, model);
  const {cells, running, error, run, stop} = useCells({params, model, samplers, gx, gy, across, down});
  const tooMany = across.length * down.length > MOST_CELLS;
  const options = names.map((name) => ({value: name, name: NAMES[name]}));
  const submit = (event) => { event.preventDefault(); run(); };
  return html`<section class="stack" aria-label="X/Y grid">
    <form class="fields xy-values" aria-label="Settings of the X/Y grid" onSubmit=${submit}>
      <${Select} label="Across" value=${gx} options=${options} onChange=${(name) => change({gx: name, xs: null, drawn: null})} />
      <${TextField} label=${`Values of ${NAMES[gx]}`} value=${xs} onChange=${(text) => change({gx, xs: text, drawn: null})} />
      <${Select} label="Down" value=${gy} options=${options} onChange=${(name) => change({gy: name, ys: null, drawn: null})} />
      <${TextField} label=${`Values of ${NAMES[gy]}`} value=${ys} onChange=${(text) => change({gy, ys: text, drawn: null})} />
      <div class="buttons wide"><button class="primary" type="submit" disabled=${running || tooMany}>Draw the grid</button>
        <button type="button" disabled=${!running} onClick=${stop}>Stop</button>
        <button type="button" disabled=${!cells.size || running} onClick=${() => saveGrid({cells, across, down, gx, gy, model, settings})}>Save as PNG</button>
        <span class="muted">${tooMany ? `At most ${MOST_CELLS} images; these are ${across.length * down.length}.`
    : `${plural(across.length * down.length, "image")}, seed ${settings.seed}`}</span></div>
    </form>
    <${ErrorMessage} error=${error} />
    ${(running || cells.size > 0) && html`<${CellTable} ...${{cells, across, down, gx, gy, model}} />`}
  </section>`;
}

/** Hook: draw the cells one after another; `drawn=1` in the address draws them again after a reload. */
function useCells({params, model, samplers, gx, gy, across, down}) {
  const [cells, setCells] = useState(new Map());
  const [running, setRunning] = useState(false);
  const [error, setError] = useState(null);
  const abort = useRef(null);
  const run = async () => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    setCells(new Map());
    setError(null);
    setRunning(true);
    try {
      for (const [row, y] of down.entries()) {
        for (const [column, x] of across.entries()) {
          const changed = {...params, n: 1, steps: params.steps, [gy]: y.value, [gx]: x.value};
          const src = await drawCell(requestOf(changed, model, samplers), controller.signal);
          if (controller.signal.aborted) return;
          setCells((old) => new Map(old).set(`${row},${column}`, src));
        }
      }
    } catch (failure) {
      if (failure.name !== "AbortError") setError(failure);
    } finally {
      if (abort.current === controller) setRunning(false);
    }
  };
  const stop = () => { abort.current?.abort(); setRunning(false); };
  useEffect(() => () => abort.current?.abort(), []);
  return {cells, running, error, run, stop};
}

function CellTable({cells, across, down, gx, gy, model}) {
  const factor = wholeFactor({rows: down.length, columns: across.length, width: model.width, height: model.height, across: 720, room: 560});
  const [width, height] = [model.width * factor, model.height * factor];
  return html`<div class="table-box tall" tabindex="0" role="region" aria-label="X/Y grid, scrolls"><table class="xy">
    <caption class="muted">Across: ${NAMES[gx]}. Down: ${NAMES[gy]}.</caption>
    <thead><tr><td></td>${across.map((x) => html`<th scope="col">${x.name}</th>`)}</tr></thead>
    <tbody>${down.map((y, row) => html`<tr key=${y.name}><th scope="row">${y.name}</th>
      ${across.map((x, column) => {
    const src = cells.get(`${row},${column}`);
    const alt = `${NAMES[gx]} ${x.name}, ${NAMES[gy]} ${y.name}`;
    return html`<td style=${{width: `${width}px`, height: `${height}px`}}>
          ${src ? html`<img class="pixels" src=${src} alt=${alt} width=${width} height=${height} />` : html`<span class="visually-hidden">not drawn yet</span>`}</td>`;
  })}</tr>`)}</tbody>
  </table></div>`;
}

/** Save the grid with its legends as a picture. */
async function saveGrid({cells, across, down, gx, gy, model, settings}) {
  const factor = Math.max(1, Math.floor(96 / model.height));
  const [width, height, margin, head] = [model.width * factor, model.height * factor, 112, 48];
  const canvas = Object.assign(document.createElement("canvas"), {
    width: margin + across.length * (width + 2), height: head + down.length * (height + 2) + 24,
  });
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#24292f";
  context.font = "14px system-ui, sans-serif";
  context.fillText(`${NAMES[gx]} →`, margin, 16);
  context.fillText(`${NAMES[gy]} ↓`, 8, 40);
  across.forEach((x, column) => context.fillText(x.name, margin + column * (width + 2), 40, width));
  for (const [row, y] of down.entries()) {
    context.fillText(y.name, 8, head + row * (height + 2) + height / 2 + 5, margin - 16);
    for (const column of across.keys()) {
      const src = cells.get(`${row},${column}`);
      if (src) context.drawImage(await loadPicture(src), margin + column * (width + 2), head + row * (height + 2), width, height);
    }
  }
  context.fillText(`${model.name}, seed ${settings.seed}`, 8, canvas.height - 8);
  canvas.toBlob((blob) => saveFile(blob, `${model.name}-${gx}-${gy}.png`));
}

/** Offer a blob as a download. */
export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), {href: url, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
