// Sampling in a Worker: onnxruntime evaluates the denoiser, tables of coefficients replace the samplers.

import { labelOf, Mt19937, normal } from "./noise.js";

const sessions = []; // one a model
let models = [];
let ort = null;
let newest = 0; // the id of the newest request; older ones stop

self.onmessage = async ({ data }) => {
  const { type, id } = data;
  if (type !== "load") newest = id;
  try {
    await { load, draw, predict, stop() {} }[type](data);
  } catch (error) {
    self.postMessage({ type: "error", id, message: String(error?.message ?? error) });
  }
};

async function load({ runtime, wasm, networks, descriptions }) {
  models = descriptions;
  const source = URL.createObjectURL(new Blob([await unpacked(runtime)], { type: "text/javascript" }));
  ort = await import(source);
  ort.env.wasm.numThreads = 1;
  const [binary, ...files] = await Promise.all([wasm, ...networks].map(unpacked));
  ort.env.wasm.wasmBinary = binary;
  for (const [index, file] of files.entries()) {
    // optimizing the graph delays the first image, and the images after it take as long
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "disabled" };
    sessions[index] = await ort.InferenceSession.create(new Uint8Array(file), options);
    self.postMessage({ type: "ready", model: index });
  }
}

// Decompress gzip in base64.
async function unpacked(text) {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

// Draw the seeds of one request in chunks, and post the predicted images after every evaluation.
async function draw({ id, model, seeds, label, settings, chunk }) {
  for (let start = 0, size = 1; start < seeds.length; start += size, size = chunk) {
    const some = seeds.slice(start, start + size);
    for await (const frame of walk(model, some, label, settings, id)) {
      if (id !== newest) return;
      self.postMessage({ type: "frame", id, model, start, ...frame }, [frame.pixels.buffer]);
    }
  }
  self.postMessage({ type: "done", id, model });
}

// The states of a chunk: one { pixels, step, steps } for each evaluation, the last with the final image.
async function* walk(model, seeds, label, settings, id) {
  const { table, guidance, interval, clip } = settings;
  const about = models[model];
  const size = about.image.shape.reduce((a, b) => a * b);
  const labels = seeds.map((seed) => (label === null ? labelOf(seed, about.class_counts) : label));
  const generators = seeds.map((seed) => new Mt19937(seed)); // as ImageNoise of randomness.py
  const x = new Float32Array(seeds.length * size);
  const addNoise = (factor) =>
    generators.forEach((generator, i) => normal(generator, size).forEach((value, k) => (x[i * size + k] += factor * value)));
  addNoise(table.start);
  let history = [];
  for (const [step, [t, scale, b0, b1, b2, fresh = 0]] of table.updates.entries()) {
    const weights = [b0, b1, b2];
    await new Promise((resolve) => setTimeout(resolve)); // lets a newer request arrive
    if (id !== newest) return;
    const estimate = history[0] ?? new Float32Array(x.length);
    const x0 = await denoise(model, { x, t, labels, estimate }, guidance, interval);
    CLIPS[clip](x0, size);
    history = [x0, ...history.slice(0, 2)];
    for (let i = 0; i < x.length; i++) {
      let sum = scale * x[i];
      for (let k = 0; k < history.length; k++) sum += weights[k] * history[k][i];
      x[i] = sum;
    }
    if (fresh) addNoise(fresh);
    const steps = table.updates.length;
    yield { pixels: toPixels(step + 1 === steps ? x : x0), step: step + 1, steps };
  }
}

// The predicted clean image at time t, guided where the interval says so.
async function denoise(model, inputs, guidance, interval) {
  const about = models[model];
  const { x, t, labels, estimate } = inputs;
  const share = t / (about.schedule.num_steps - 1);
  const guided = about.no_label !== null && guidance !== 1 && share >= interval[0] && share <= interval[1];
  if (!guided) return evaluate(model, inputs);
  const both = await evaluate(model, {
    x: twice(x), t, labels: [...labels, ...labels.map(() => about.no_label)], estimate: twice(estimate),
  });
  return x.map((_, i) => both[i + x.length] + guidance * (both[i] - both[i + x.length]));
}

function twice(values) {
  const both = new Float32Array(2 * values.length);
  both.set(values);
  both.set(values, values.length);
  return both;
}

// Run the network; `inputs` of the model's description names the tensors that it takes.
async function evaluate(model, { x, t, labels, estimate }) {
  const { image, inputs } = models[model];
  const count = x.length / image.shape.reduce((a, b) => a * b);
  const tensors = {
    x: () => new ort.Tensor("float32", x, [count, ...image.shape]),
    t: () => new ort.Tensor("int32", new Int32Array(count).fill(t), [count]),
    labels: () => new ort.Tensor("int32", Int32Array.from(labels), [count]),
    estimate: () => new ort.Tensor("float32", estimate, [count, ...image.shape]),
  };
  const feeds = Object.fromEntries(inputs.map((name) => [name, tensors[name]()]));
  const { x0 } = await sessions[model].run(feeds);
  return Float32Array.from(x0.data);
}

const CLIPS = {
  none() {},
  static(x0) {
    for (let i = 0; i < x0.length; i++) x0[i] = Math.min(1, Math.max(-1, x0[i]));
  },
  dynamic(x0, size) { // diffusion/guidance.py, clip_dynamic
    for (let start = 0; start < x0.length; start += size) {
      const image = x0.subarray(start, start + size);
      const sorted = image.map(Math.abs).sort();
      const limit = Math.max(1, sorted[Math.max(Math.ceil(0.995 * size), 1) - 1]);
      for (let i = 0; i < size; i++) image[i] = Math.min(limit, Math.max(-limit, image[i])) / limit;
    }
  },
};

// The image with noise at time t, and what the denoiser predicts from it.
async function predict({ id, model, image, t, seed, label }) {
  const about = models[model];
  const { signal, sigma } = about.schedule;
  const noise = normal(new Mt19937(seed), image.length);
  const x = Float32Array.from(image, (value, i) => signal[t] * value + sigma[t] * noise[i]);
  const noisy = toPixels(x);
  const x0 = await evaluate(model, { x, t, labels: [label ?? about.no_label], estimate: new Float32Array(x.length) });
  self.postMessage({ type: "predicted", id, model, t, noisy, clean: toPixels(x0) });
}

// Float values in [-1, 1] as bytes; ties round to even, as in torch.
function toPixels(values) {
  return Uint8ClampedArray.from(values, (value) => Math.fround(Math.fround(value + 1) * 127.5));
}
