// Draw: images appear as they denoise. The address holds every setting, the drawing, the shown step and the picked image.

import {html, useEffect, useRef, useState} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {upload, useResource} from "../parts/client.js";
import {CommandLine} from "../parts/command_line.js";
import {Dialog} from "../parts/dialog.js";
import {DrawSettings} from "../parts/draw_settings.js";
import {
  animationUrl, cancelDrawing, chosenModel, gridUrl, imageUrl, isDrawing, nameOfImage, paramsOf, requestOf, seedOf,
  settingsOf, startDrawing, useDrawing, useModels,
} from "../parts/drawing.js";
import {FileDrop} from "../parts/file_drop.js";
import {KeptImages, useKeptImages} from "../parts/kept_images.js";
import {READER} from "../parts/live.js";
import {ErrorMessage, NoModel} from "../parts/messages.js";
import {Picture} from "../parts/image_grid.js";
import {Playback} from "../parts/playback.js";
import {SettingsGrid} from "../parts/settings_grid.js";

export const title = "Draw";

// Drawings that follow a slider: the newest replaces the others, and all end with the page.
const LIVE = {group: `live-${READER}`, reader: READER};
const integer = (text) => (text === undefined ? null : Number.parseInt(text, 10));

export function View({params, change}) {
  const {models, error: modelsError} = useModels();
  const samplers = useResource("/api/samplers").value;
  const [error, setError] = useState(null);
  const {drawing, error: lost} = useDrawing(params.draw);
  const kept = useKeptImages();
  if (modelsError) return html`<${ErrorMessage} error=${modelsError} />`;
  if (!models || !samplers) return null;
  const model = chosenModel(models, params.model);
  if (!model) return html`<${NoModel} view="draw" id=${params.model} />`;
  const draw = async (extra) => {
    try {
      const {id} = await startDrawing(requestOf(params, model, samplers), extra);
      setError(null);
      change({draw: id, frame: null, model: model.id});
    } catch (failure) {
      setError(failure);
    }
  };
  const shown = drawing?.request.model === model.id ? {height: model.height, width: model.width, ...drawing} : null;
  const {n} = settingsOf(params, model, samplers);
  const pick = integer(params.pick);
  const toggleGrid = (open) => {
    if (open && params.gx === undefined) change({gx: "steps"});
    if (!open && params.gx !== undefined) change({gx: null, gy: null, xs: null, ys: null});
  };
  return html`<div class="stack">
    <${LiveDrawing} ...${{params, model, samplers, draw}} />
    <div class="columns">
      <div class="stack">
        <${Playback} drawing=${shown} shape=${model} n=${n} frame=${integer(params.frame)} onFrame=${(frame) => change({frame})}
          picked=${pick} onPick=${(index) => change({pick: index === pick ? null : index})}
          note=${params.draw ? "" : "Press Draw. The images appear here while they denoise."} />
        <${ErrorMessage} error=${error || lostMessage(lost) || (shown?.state === "failed" && {message: shown.error})} />
        <${Results} drawing=${shown} />
        ${shown && pick !== null && pick < shown.n && html`<${Picked} ...${{drawing: shown, index: pick, model, change, kept}} />`}
        <${KeptImages} kept=${kept} />
      </div>
      <div class="stack">
        <${DrawSettings} ...${{params, change, models, samplers, model}} busy=${isDrawing(shown)}
          onDraw=${() => draw()} onCancel=${() => cancelDrawing(shown.id).catch(setError)} />
        <${Restore} change=${change} setError=${setError} />
      </div>
    </div>
    <details open=${params.gx !== undefined} onToggle=${(event) => toggleGrid(event.target.open)}>
      <summary><h2 class="inline">X/Y grid: compare two settings</h2></summary>
      <${SettingsGrid} ...${{params, change, model, samplers}} />
    </details>
  </div>`;
}

function lostMessage(error) {
  if (!error) return null;
  return error.status === 404 ? {message: "This drawing is no longer on the server. Press Draw: the same settings give the same images."} : error;
}

/** Draw again after each change of a setting, if the reader asked for that. */
function LiveDrawing({params, model, samplers, draw}) {
  const key = JSON.stringify(requestOf(params, model, samplers));
  const before = useRef(null);
  useEffect(() => {
    if (params.live !== "1" || before.current === key) return;
    before.current = key;
    draw(LIVE);
  }, [key, params.live]);
  return null;
}

function Results({drawing}) {
  const done = drawing?.state === "done";
  return html`<div class="tight results">
    <div class="buttons">
      <a class="button" aria-disabled=${!done} href=${done ? gridUrl(drawing) : undefined} download=${done ? `${drawing.name || "grid"}.png` : undefined} role="link">Save grid as PNG</a>
      <a class="button" aria-disabled=${!done} href=${done ? animationUrl(drawing) : undefined} download=${done ? `${drawing.name || "denoising"}.gif` : undefined} role="link">Save GIF</a>
      <span class="muted">${done ? "The PNG holds its settings. Click an image to enlarge, keep or edit it." : ""}</span>
    </div>
    ${drawing && html`<${CommandLine} command=${drawing.command} />`}
  </div>`;
}

function Picked({drawing, index, model, change, kept}) {
  const [large, setLarge] = useState(false);
  const done = drawing.state === "done";
  const name = nameOfImage(drawing, index);
  const src = imageUrl(drawing, index);
  const seed = seedOf(drawing, index);
  const address = addressOf("draw", {...paramsOf(drawing.request), seed, n: 1});
  return html`<section class="panel picked" aria-label="Picked image">
    ${done ? html`<button type="button" class="bare" aria-label=${`Enlarge ${name}`} onClick=${() => setLarge(true)}>
      <${Picture} ...${{src, alt: name, size: 128, width: drawing.width, height: drawing.height}} /></button>`
    : html`<span class="muted">Wait until the drawing is done.</span>`}
    <div class="tight">
      <h2>${name[0].toUpperCase() + name.slice(1)}</h2>
      <div class="buttons">
        <button type="button" disabled=${!done} onClick=${() => kept.keep({name, src, model: model.name, address})}>Keep</button>
        <button type="button" disabled=${!done} onClick=${() => setLarge(true)}>Enlarge</button>
        <a class="button" href=${src} download=${`${model.name}-seed-${seed}.png`}>Save PNG</a>
        <a class="button" href=${addressOf("edit", {model: model.id, draw: drawing.id, index})}>Use as start of an edit</a>
        <a class="button" href=${addressOf("compare", {tab: "neighbors", draw: drawing.id, index})}>Nearest training images</a>
        <button type="button" onClick=${() => change({seed, pick: null})}>Begin at this seed</button>
      </div>
    </div>
    ${large && html`<${Dialog} title=${`${model.name}, ${name}`} onClose=${() => setLarge(false)}>
      <${Picture} ...${{src, alt: name, size: 512, width: drawing.width, height: drawing.height}} /><//>`}
  </section>`;
}

function Restore({change, setError}) {
  const [message, setMessage] = useState("");
  const restore = async (file) => {
    try {
      const request = await upload("/api/settings-of-image", file, "image/png");
      change({...paramsOf(request), draw: null, frame: null, pick: null}, {push: true});
      setError(null);
      setMessage(`The settings of ${file.name} are set. Press Draw.`);
    } catch (error) {
      setMessage("");
      setError(error);
    }
  };
  return html`<${FileDrop} label="Drop a PNG to restore its settings" accept="image/png" onFile=${restore}>
    <span class="help" role="status">${message}</span><//>`;
}
