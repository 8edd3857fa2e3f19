// The page: controls, canvases and messages. Sampling happens in worker.js.

const models = JSON.parse(document.getElementById("models").textContent);
const text = (id) => document.getElementById(id).textContent;
const $ = (id) => document.getElementById(id);
const GAP = 2; // pixels between images
const SIDE = 80; // pixels, of an image on the page, rounded to a whole factor

// The model that the controls are about: a few-step student has no settings of its own.
const lead = Math.max(0, models.findIndex((model) => !model.student));

let worker = null;
let request = 0; // the id of the newest request
let ready = 0; // models loaded
let drawing = new Set(); // models that still draw

// Start

fillControls();
readAddress();
models.forEach((model, index) => prepareCanvas(index, settingsFor(index).seeds.length));
start();

function start() {
  const missing = ["Worker", "WebAssembly", "DecompressionStream"].filter((name) => !(name in self));
  if (missing.length) return refuse(`This browser lacks ${missing.join(", ")}, so it cannot run the model`);
  say("Loading the model …");
  try {
    const source = new Blob([text("worker")], { type: "text/javascript" });
    worker = new Worker(URL.createObjectURL(source)); // classic: a module worker does not start from disk
  } catch (error) {
    return refuse(`This browser does not start a worker for a page from disk (${error.message})`);
  }
  worker.onerror = (event) => refuse(`The model could not be started (${event.message || "worker error"})`);
  worker.onmessage = ({ data }) => RECEIVERS[data.type](data);
  worker.postMessage({
    type: "load",
    runtime: text("runtime"),
    wasm: text("wasm"),
    networks: models.map((_, index) => text(`network-${index}`)),
    descriptions: models.map((model) => model.about),
  });
}

function refuse(reason) {
  say(`${reason}. The pictures under “What it is” were drawn by ddpm-studio.`, true);
  for (const control of document.querySelectorAll("form button, form input, form select")) control.disabled = true;
}

const RECEIVERS = {
  ready() {
    if (++ready === models.length) drawAll();
  },
  frame({ id, model, start, pixels, step, steps }) {
    if (id !== request) return;
    paint(model, start, pixels);
    const count = settingsFor(model).seeds.length;
    const size = models[model].about.image.shape.reduce((a, b) => a * b);
    const last = start + pixels.length / size;
    if (last === 1 && step === steps) performance.mark("first image"); // for benchmarks/page_start.py
    say(`Drawing: image ${last} of ${count}, evaluation ${step} of ${steps} …`);
  },
  done({ id, model }) {
    if (id !== request) return;
    drawing.delete(model);
    if (drawing.size) return;
    const { seeds } = settingsFor(lead);
    say(`Drawn: ${seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds[0]} to ${seeds.at(-1)}`}.`);
    $("stop").disabled = true;
    document.body.dataset.drawn = id;
    addNoise();
  },
  predicted({ id, noisy, clean, t }) {
    if (id !== request) return;
    paintOne("noisy", noisy);
    paintOne("clean", clean);
    $("forward-status").textContent = `Time ${t} of ${models[lead].about.schedule.num_steps - 1}.`;
  },
  error({ message }) {
    refuse(`The model stopped (${message})`);
  },
};

function say(message, failed = false) {
  $("status").textContent = message;
  $("status").classList.toggle("failed", failed);
}

// Controls

function fillControls() {
  const { about } = models[lead];
  const sampler = $("sampler");
  sampler.add(new Option(`the model's own: ${models[lead].own}`, "own"));
  for (const name of Object.keys(models[lead].tables)) if (name !== "own") sampler.add(new Option(name, name));
  $("label-field").hidden = !about.classes.length;
  $("guidance-field").hidden = !about.classes.length || models[lead].student;
  $("forward").hidden = models[lead].student; // its outputs are jumps, not predictions of the clean picture
  $("label").add(new Option("any, by frequency", ""));
  for (const name of about.classes) $("label").add(new Option(name, name));
  $("guidance").value = about.sampling.guidance;
  $("forward-t").max = about.schedule.num_steps - 1;
  $("forward-t").value = Math.round(about.schedule.num_steps * 0.35);
  fillSteps();
  sampler.onchange = () => {
    fillSteps();
    changed();
  };
  for (const id of ["seed", "count", "label", "guidance", "steps"]) $(id).onchange = changed;
  $("controls").onsubmit = (event) => {
    event.preventDefault();
    changed();
  };
  $("stop").onclick = stop;
  $("save").onclick = save;
  $("forward-t").oninput = addNoise;
  $("picture").onchange = choosePicture;
}

function fillSteps() {
  const steps = $("steps");
  const { tables, usual } = models[lead];
  const name = $("sampler").value;
  steps.replaceChildren();
  for (const count of Object.keys(tables[name])) steps.add(new Option(count, count));
  steps.value = usual[name];
}

// The settings of one model, from the controls.
function settingsFor(index) {
  const { about, tables, usual, student } = models[index];
  const first = Math.max(0, Math.floor(Number($("seed").value)) || 0);
  const count = Math.min(100, Math.max(1, Math.floor(Number($("count").value)) || 1));
  const name = student ? "own" : $("sampler").value;
  const byOwn = name === "own" && index !== lead; // its own steps, not those of the other model
  const own = about.sampling;
  const label = about.classes.indexOf($("label").value);
  return {
    seeds: Array.from({ length: count }, (_, i) => first + i),
    label: about.classes.length ? (label < 0 ? null : label) : 0,
    settings: {
      table: tables[name][byOwn ? usual[name] : $("steps").value] ?? tables[name][usual[name]],
      guidance: about.classes.length && !student ? Number($("guidance").value) || 1 : 1,
      interval: own.guidance_interval,
      clip: own.clip,
    },
  };
}

function changed() {
  writeAddress();
  drawAll();
}

function writeAddress() {
  const values = ["seed", "count", "label", "guidance", "sampler", "steps"].map((id) => [id, $(id).value]);
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
}

function readAddress() {
  const values = new URLSearchParams(location.hash.slice(1));
  for (const id of ["seed", "count", "label", "guidance", "sampler", "steps"]) {
    if (id === "steps") fillSteps();
    if (values.has(id)) $(id).value = values.get(id);
    if ($(id).tagName === "SELECT" && $(id).selectedIndex < 0) $(id).selectedIndex = 0;
  }
}

// Drawing

function drawAll() {
  if (ready < models.length) return;
  request += 1;
  drawing = new Set(models.keys());
  $("stop").disabled = false;
  $("save").disabled = false;
  models.forEach((model, index) => {
    const one = settingsFor(index);
    prepareCanvas(index, one.seeds.length);
    worker.postMessage({ type: "draw", id: request, model: index, chunk: model.chunk, ...one });
  });
  $("command").textContent = command();
}

function stop() {
  request += 1;
  worker.postMessage({ type: "stop", id: request });
  $("stop").disabled = true;
  say("Stopped.");
}

// The command that draws the same images.
function command() {
  const { seeds } = settingsFor(lead);
  const words = ["ddpm sample", models[lead].target, `--seed ${seeds[0]} -n ${seeds.length}`];
  if ($("label").value) words.push(`--label ${$("label").value}`);
  const own = $("sampler").value === "own";
  if (!own || models[lead].substitute) words.push(`--sampler ${own ? models[lead].substitute : $("sampler").value}`);
  if (!own || $("steps").value !== String(models[lead].usual.own) || models[lead].substitute) words.push(`--steps ${$("steps").value}`);
  const { about } = models[lead];
  if (about.classes.length && Number($("guidance").value) !== about.sampling.guidance) words.push(`--guidance ${$("guidance").value}`);
  return `${words.join(" ")} --precision fp32`;
}

function layout(index, count) {
  const [, height, width] = models[index].about.image.shape;
  const scale = Math.max(1, Math.round(SIDE / Math.max(height, width)));
  const columns = Math.ceil(Math.sqrt(count));
  return { height: height * scale, width: width * scale, scale, columns, rows: Math.ceil(count / columns) };
}

function prepareCanvas(index, count) {
  const canvas = $(`canvas-${index}`);
  const { height, width, columns, rows } = layout(index, count);
  canvas.width = columns * (width + GAP) - GAP;
  canvas.height = rows * (height + GAP) - GAP;
  canvas.getContext("2d", { willReadFrequently: true }).clearRect(0, 0, canvas.width, canvas.height);
}

function paint(index, start, pixels) {
  const { shape } = models[index].about.image;
  const { columns, height, width } = layout(index, settingsFor(index).seeds.length);
  const context = $(`canvas-${index}`).getContext("2d");
  context.imageSmoothingEnabled = false;
  const size = shape.reduce((a, b) => a * b);
  for (let i = 0; i < pixels.length / size; i++) {
    const cell = start + i;
    const x = (cell % columns) * (width + GAP);
    const y = Math.floor(cell / columns) * (height + GAP);
    context.drawImage(picture(pixels.subarray(i * size, (i + 1) * size), shape), x, y, width, height);
  }
}

// A canvas of the image's own size, from bytes [C, H, W].
function picture(bytes, [channels, height, width]) {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  const area = width * height;
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = bytes[(channels === 1 ? 0 : c) * area + i];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

async function save() {
  const canvases = models.map((_, index) => $(`canvas-${index}`));
  const whole = new OffscreenCanvas(
    canvases.reduce((sum, canvas) => sum + canvas.width, 0) + 16 * (canvases.length - 1),
    Math.max(...canvases.map((canvas) => canvas.height)),
  );
  let x = 0;
  for (const canvas of canvases) {
    whole.getContext("2d").drawImage(canvas, x, 0);
    x += canvas.width + 16;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await whole.convertToBlob({ type: "image/png" }));
  link.download = `${models.map((model) => model.name).join("-")}-seed-${settingsFor(lead).seeds[0]}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The forward process

let chosen = null; // the reader's picture, floats [C, H, W] in [-1, 1]

async function choosePicture() {
  const [file] = $("picture").files;
  if (!file) return;
  try {
    chosen = toModel(await createImageBitmap(file));
  } catch {
    $("forward-status").textContent = `${file.name} is not a picture that this browser reads.`;
    return;
  }
  addNoise();
}

// The middle of a picture at the model's size, as floats [C, H, W] in [-1, 1].
function toModel(bitmap) {
  const [channels, height, width] = models[lead].about.image.shape;
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  const { data } = context.getImageData(0, 0, width, height);
  const area = width * height;
  return Float32Array.from({ length: channels * area }, (_, i) => {
    const at = 4 * (i % area);
    const gray = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    return (channels === 1 ? gray : data[at + Math.floor(i / area)]) / 127.5 - 1;
  });
}

// Add noise to the reader's picture, or to the first image that was drawn.
function addNoise() {
  if (ready < models.length || drawing.size || models[lead].student) return;
  const { about } = models[lead];
  const image = chosen ?? firstDrawn();
  paintOne("clear", Uint8ClampedArray.from(image, (value) => (value + 1) * 127.5));
  const { seeds } = settingsFor(lead);
  const label = about.classes.indexOf($("label").value);
  request += 1;
  worker.postMessage({
    type: "predict", id: request, model: lead, image, t: Number($("forward-t").value), seed: seeds[0],
    label: label < 0 ? null : label,
  });
}

function firstDrawn() {
  const { shape } = models[lead].about.image;
  const { scale } = layout(lead, settingsFor(lead).seeds.length);
  const [channels, height, width] = shape;
  const { data } = $(`canvas-${lead}`).getContext("2d").getImageData(0, 0, width * scale, height * scale);
  return Float32Array.from({ length: channels * height * width }, (_, i) => {
    const area = height * width, x = (i % area) % width, y = Math.floor((i % area) / width);
    return data[4 * (y * scale * width * scale + x * scale) + Math.floor(i / area)] / 127.5 - 1;
  });
}

function paintOne(id, bytes) {
  const { shape } = models[lead].about.image;
  const canvas = $(id);
  const scale = Math.max(1, Math.round(140 / Math.max(shape[1], shape[2])));
  canvas.width = shape[2] * scale;
  canvas.height = shape[1] * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(bytes, shape), 0, 0, canvas.width, canvas.height);
}
