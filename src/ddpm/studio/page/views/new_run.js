// New run: which images, which preset, how long; `ddpm plan` answers before the training starts.

import {html, useState} from "../vendor/htm-preact.js";
import {addressOf, goTo} from "../parts/address.js";
import {post, upload, useResource} from "../parts/client.js";
import {FolderChooser} from "../parts/folder_chooser.js";
import {NumberField, Select, TextField} from "../parts/fields.js";
import {FileDrop} from "../parts/file_drop.js";
import {plural} from "../parts/format.js";
import {JobLine} from "../parts/job_line.js";
import {ErrorMessage} from "../parts/messages.js";
import {PlanAnswer} from "../parts/plan_answer.js";
import {isActive, useJob} from "../parts/working_now.js";

export const title = "New run";

const SOURCES = {
  digits: ["Bundled digits", "1,797 real handwritten digits, 8x8. Works offline, learns in about a minute."],
  name: ["A known data set", "One that ddpm knows by name, such as MNIST."],
  folder: ["A folder of pictures", "On this computer, below a folder given with --allow."],
  upload: ["A zip of pictures", "A zip file from this computer, checked before it is read."],
};

/** Return what POST /api/plan and /api/trainings call `data`; null while nothing is chosen. */
function dataOf(params) {
  const source = params.source || "digits";
  if (source === "digits") return {name: "digits"};
  if (source === "name") return params.set ? {name: params.set} : null;
  if (source === "folder") return params.root ? {root: params.root, path: params.path || ""} : null;
  return params.upload ? {upload: params.upload} : null;
}

/** Return the preset to begin with for a source of images. */
function usualPreset(params, presets) {
  const wanted = {digits: "digits", name: params.set, folder: "folder", upload: "folder"}[params.source || "digits"];
  return presets.find((one) => one.name === wanted) || presets.find((one) => one.data === wanted)
    || presets.find((one) => one.name === "folder") || presets[0];
}

export function View({params, change}) {
  const presets = useResource("/api/presets");
  const datasets = useResource("/api/datasets");
  const [error, setError] = useState(null);
  const {job} = useJob(params.job);
  if (presets.error || datasets.error) return html`<${ErrorMessage} error=${presets.error || datasets.error} />`;
  if (!presets.value || !datasets.value) return null;
  const preset = presets.value.find((one) => one.name === params.preset) || usualPreset(params, presets.value);
  const minutes = params.minutes === undefined ? preset.minutes || 1 : Number(params.minutes);
  const data = dataOf(params);
  const body = {preset: preset.name, data, minutes, name: params.name || null};
  const attempt = (action) => action.then(() => setError(null), setError);
  const plan = () => attempt(post("/api/plan", body).then((answer) => change({job: answer.id})));
  const start = (event) => {
    event.preventDefault();
    attempt(post("/api/trainings", body).then((answer) => goTo("run", {id: answer.run})));
  };
  return html`<form class="stack narrow" onSubmit=${start} aria-label="New run">
    <${ImageSource} ...${{params, change, datasets: datasets.value, setError}} />
    <section class="panel" aria-label="Preset"><h2>2. Preset and time</h2>
      <${Select} label="Preset" value=${preset.name} options=${presets.value.map((one) => ({value: one.name, name: one.name}))}
        help=${preset.help} onChange=${(name) => change({preset: name, minutes: null, job: null})} />
      <div class="fields roomy">
        <${NumberField} label="Minutes" value=${minutes} min=${0.1} max=${100000} step=${0.1} onChange=${(value) => change({minutes: value, job: null})} />
        <${TextField} label="Name of the run" value=${params.name || ""} placeholder=${preset.name} onChange=${(name) => change({name: name || null})} />
      </div>
      ${preset.needs && html`<p class="note">${preset.needs}</p>`}
    </section>
    <section class="panel" aria-label="Plan"><h2>3. What to expect</h2>
      ${isActive(job) ? html`<${JobLine} job=${job} />` : html`<${PlanAnswer} job=${job} />`}
      <div class="buttons"><button type="button" disabled=${!data || isActive(job)} onClick=${plan}>Plan this training</button></div>
    </section>
    <${ErrorMessage} error=${error} />
    <div class="buttons"><button class="primary" type="submit" disabled=${!data}>Start training</button>
      <a class="button" href=${addressOf("runs")}>Back to the runs</a></div>
    ${!data && html`<p class="help">Choose the images first.</p>`}
  </form>`;
}

function ImageSource({params, change, datasets, setError}) {
  const [busy, setBusy] = useState(false);
  const source = params.source || "digits";
  const choose = (name) => change({source: name, set: null, root: null, path: null, upload: null, preset: null, minutes: null, job: null});
  const sets = datasets.sets || [];
  const send = async (file) => {
    setBusy(true);
    try {
      const answer = await upload("/api/uploads", file, "application/zip");
      change({upload: answer.id, count: answer.images, job: null});
      setError(null);
    } catch (error) {
      setError(error);
    }
    setBusy(false);
  };
  return html`<section class="panel" aria-label="Images"><h2>1. Images</h2>
    <fieldset><legend>Where the images come from</legend><div class="choices sources">
      ${Object.entries(SOURCES).map(([name, [text, help]]) => html`<label key=${name} class="choice">
        <input type="radio" name="source" value=${name} checked=${name === source} disabled=${name === "folder" && !datasets.roots?.length} onChange=${() => choose(name)} />
        <span>${text}</span><span class="help">${name === "folder" && !datasets.roots?.length ? "No folder is allowed; start the studio with --allow FOLDER." : help}</span></label>`)}
    </div></fieldset>
    ${source === "name" && html`<${Select} label="Data set" value=${params.set || ""} options=${[{value: "", name: "choose…"}, ...sets.map((one) => ({value: one.name, name: one.present === false ? `${one.name} (not on this computer)` : one.name}))]}
      help=${sets.find((one) => one.name === params.set)?.help} onChange=${(set) => change({set: set || null, preset: null, minutes: null, job: null})} />`}
    ${source === "folder" && html`<${FolderChooser} roots=${datasets.roots || []} root=${params.root} path=${params.path || ""} onChange=${(root, path) => change({root, path, job: null})} />`}
    ${source === "upload" && html`<${FileDrop} label="Drop a zip of pictures" accept=".zip,application/zip" busy=${busy} onFile=${send}>
      <span role="status">${params.upload ? `Uploaded: ${plural(Number(params.count || 0), "image")}.` : ""}</span><//>`}
  </section>`;
}
