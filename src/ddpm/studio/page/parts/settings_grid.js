// X/Y grid: one image for every pair of values of two settings, all from one seed.
//
//   <${SettingsGrid} params change model samplers />     its state: gx, xs (values), gy, ys, cells (drawings) in the address

import {html, useState} from "../vendor/htm-preact.js";
import {canGuide, cancelDrawing, imageUrl, isDrawing, requestOf, settingsOf, startDrawings, useDrawings} from "./drawing.js";
import {Select, TextField} from "./fields.js";
import {plural} from "./format.js";
import {loadPicture, useWidth, wholeFactor} from "./image_grid.js";
import {ErrorMessage} from "./messages.js";

const MOST_CELLS = 36; // of one request
const NAMES = {steps: "steps", guidance: "guidance", sampler: "sampler", seed: "seed", label: "label"};

/** Return the settings that a model's images can vary by, with values to begin with. */
function axesOf(model, samplers, settings) {
  const axes = {};
  if (settings.sampler) {
    axes.steps = "3, 5, 8, 15";
    axes.sampler = (samplers || []).filter((one) => one.name !== "ancestral").slice(0, 4).map((one) => one.name).join(", ");
  }
  if (canGuide(model)) axes.guidance = "1, 2, 3, 5";
  axes.seed = [0, 1, 2, 3].map((step) => settings.seed + step).join(", ");
  if (model.classes) axes.label = model.classes.slice(0, 4).join(", ");
  return axes;
}

const valuesOf = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

export function SettingsGrid({params, change, model, samplers}) {
  const settings = settingsOf(params, model, samplers);
  const axes = axesOf(model, samplers, settings);
  const names = Object.keys(axes);
  const gx = axes[params.gx] !== undefined ? params.gx : names[0];
  const gy = axes[params.gy] !== undefined ? params.gy : names.find((name) => name !== gx) || gx;
  const [xs, ys] = [params.xs ?? axes[gx], params.ys ?? axes[gy]];
  const across = valuesOf(xs);
  const down = valuesOf(ys);
  const [error, setError] = useState(null);
  const drawings = useDrawings((params.cells || "").split(",").filter(Boolean));
  const running = drawings.some((drawing) => drawing && isDrawing(drawing));
  const failed = drawings.find((drawing) => drawing?.error);
  const run = async () => {
    const requests = down.flatMap((y) => across.map((x) => requestOf({...params, n: 1, [gy]: y, [gx]: x}, model, samplers)));
    try {
      const started = await startDrawings(requests);
      setError(null);
      change({gx, gy, xs, ys, cells: started.map(({id}) => id).join(",")});
    } catch (failure) {
      setError(failure);
    }
  };
  const stop = () => drawings.filter((drawing) => drawing && isDrawing(drawing)).forEach(({id}) => cancelDrawing(id).catch(setError));
  const cells = new Map(drawings.map((drawing, index) => [`${Math.floor(index / across.length)},${index % across.length}`, drawing])
    .filter(([, drawing]) => drawing?.state === "done").map(([place, drawing]) => [place, imageUrl(drawing, 0)]));
  const tooMany = across.length * down.length > MOST_CELLS;
  const options = names.map((name) => ({value: name, name: NAMES[name]}));
  const submit = (event) => { event.preventDefault(); run(); };
  return html`<section class="stack" aria-label="X/Y grid">
    <form class="fields xy-values" aria-label="Settings of the X/Y grid" onSubmit=${submit}>
      <${Select} label="Across" value=${gx} options=${options} onChange=${(name) => change({gx: name, xs: null, cells: null})} />
      <${TextField} label=${`Values of ${NAMES[gx]}`} value=${xs} onChange=${(text) => change({gx, xs: text, cells: null})} />
      <${Select} label="Down" value=${gy} options=${options} onChange=${(name) => change({gy: name, ys: null, cells: null})} />
      <${TextField} label=${`Values of ${NAMES[gy]}`} value=${ys} onChange=${(text) => change({gy, ys: text, cells: null})} />
      <div class="buttons wide"><button class="primary" type="submit" disabled=${running || tooMany}>Draw the grid</button>
        <button type="button" disabled=${!running} onClick=${stop}>Stop</button>
        <button type="button" disabled=${!cells.size || running} onClick=${() => saveGrid({cells, across, down, gx, gy, model, settings})}>Save as PNG</button>
        <span class="muted">${tooMany ? `At most ${MOST_CELLS} images; these are ${across.length * down.length}.`
    : `${plural(across.length * down.length, "image")}, seed ${settings.seed}`}</span></div>
    </form>
    <${ErrorMessage} error=${error || (failed && {message: failed.error})} />
    ${(running || cells.size > 0) && html`<${CellTable} ...${{cells, across, down, gx, gy, model}} />`}
  </section>`;
}

const LEGEND_WIDTH = 112; // CSS pixels of the legend on the left

function CellTable({cells, across, down, gx, gy, model}) {
  const [box, room] = useWidth();
  const factor = wholeFactor({rows: down.length, columns: across.length, width: model.width, height: model.height,
    across: Math.min(room, 840) - LEGEND_WIDTH, room: 560});
  const [width, height] = [model.width * factor, model.height * factor];
  return html`<div class="table-box tall" tabindex="0" role="region" aria-label="X/Y grid, scrolls" ref=${box}><table class="xy">
    <caption class="muted">Across: ${NAMES[gx]}. Down: ${NAMES[gy]}.</caption>
    <thead><tr><td></td>${across.map((x) => html`<th scope="col">${x}</th>`)}</tr></thead>
    <tbody>${down.map((y, row) => html`<tr key=${y}><th scope="row">${y}</th>
      ${across.map((x, column) => {
    const src = cells.get(`${row},${column}`);
    const alt = `${NAMES[gx]} ${x}, ${NAMES[gy]} ${y}`;
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
  across.forEach((x, column) => context.fillText(x, margin + column * (width + 2), 40, width));
  for (const [row, y] of down.entries()) {
    context.fillText(y, 8, head + row * (height + 2) + height / 2 + 5, margin - 16);
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
