// A drawing of the server: its request, and how it is followed. The server owns it, so a reloaded page finds it again.
//
//   const models = useModels();                         rows of /api/models, null while loading
//   const {drawing, error} = useDrawing(id);            the newest state; drawing.frames grows with each step
//   await startDrawing(requestOf(params, model, samplers), {group: "live"})   → {id, command}
//   frameUrl(drawing, 3, "x0") · imageUrl(drawing, 7) · nameOfImage(drawing, 7)

import {useEffect, useState} from "../vendor/htm-preact.js";
import {get, post, useResource} from "./client.js";
import {useEvent} from "./live.js";

/** Hook: the models that can draw, {models, error}. */
export function useModels() {
  const {value, error} = useResource("/api/models");
  return {models: value, error};
}

const FIRST = "bundled:mnist"; // small and quick, for readers without a run

/** Return the model named by the address, null if there is none of this name; without a name the first run, else a bundled one. */
export function chosenModel(models, id) {
  const all = models || [];
  if (id) return all.find((model) => model.id === id) || null;
  return all.find((model) => model.source === "run")
    || all.find((model) => model.id === FIRST) || all[0] || null;
}

export const hasReverseProcess = (model) => model.has_reverse_process !== false;
export const canGuide = (model) => hasReverseProcess(model) && Boolean(model.can_guide || model.sampling?.guide);

export const nameOfModel = (model) => (model.source === "bundled" ? `${model.name} (bundled)` : model.name);
export const modelOptions = (models) => (models || []).map((model) => ({value: model.id, name: nameOfModel(model)}));

const numberOf = (text) => (text === undefined || text === "" ? null : Number(text));

/** Return the settings shown in the form: those of the address, else the model's own. */
export function settingsOf(params, model, samplers) {
  const own = model.sampling || {};
  const sampler = hasReverseProcess(model) ? params.sampler || own.sampler : null;
  const row = (samplers || []).find((one) => one.name === sampler);
  const usual = sampler === own.sampler ? own.steps : row?.steps ?? model.num_steps;
  const [low, high] = own.guidance_interval || [0, 1];
  return {
    sampler,
    steps: numberOf(params.steps) ?? usual ?? 20,
    seed: numberOf(params.seed) ?? 0,
    n: numberOf(params.n) ?? 25,
    label: params.label || null, // name of a class
    guidance: numberOf(params.guidance) ?? own.guidance ?? 1,
    low: numberOf(params.low) ?? low,
    high: numberOf(params.high) ?? high,
  };
}

/** Return the body of POST /api/draws. What a model cannot use is null. */
export function requestOf(params, model, samplers) {
  const {sampler, steps, seed, n, label, guidance, low, high} = settingsOf(params, model, samplers);
  const reverse = Boolean(sampler);
  return {
    model: model.id, seed, n,
    sampler: reverse ? sampler : null,
    steps: reverse ? steps : null,
    label: model.classes ? label : null,
    guidance: canGuide(model) ? guidance : null,
    guidance_interval: canGuide(model) ? [low, high] : null,
  };
}

/** Return the parameters of an address that ask for the same drawing. */
export function paramsOf(request) {
  const [low, high] = request.guidance_interval || [null, null];
  const {model, sampler, steps, seed, n, label, guidance} = request;
  return {model, sampler, steps, seed, n, label, guidance, low, high};
}

export const startDrawings = (requests) => post("/api/draw-grids", requests);
export const startDrawing = (request, extra = {}) => post("/api/draws", {...request, ...extra});
export const cancelDrawing = (id) => post(`/api/draws/${encodeURIComponent(id)}/cancel`);
export const isDrawing = (drawing) => Boolean(drawing) && ["waiting", "running"].includes(drawing.state);

/** Hook: a drawing, followed while it works. */
export function useDrawing(id) {
  const path = id ? `/api/draws/${encodeURIComponent(id)}` : null;
  const {value, error, setValue, reload} = useResource(path);
  useEvent("draw", (event) => {
    if (event.id !== id) return;
    if (isDrawing(event) && Array.isArray(event.frames)) setValue((old) => (old ? {...old, ...event} : old));
    else reload(); // seeds, pictures and the sentence of a failure
  });
  return {drawing: value, error};
}

/** Hook: the newest state of several drawings, in the order of their ids; null where it is not known yet. */
export function useDrawings(ids) {
  const [rows, setRows] = useState({});
  const key = ids.join(",");
  const fetchRow = (id) => get(`/api/draws/${encodeURIComponent(id)}`).then(
    (row) => setRows((old) => ({...old, [id]: row})),
    (error) => setRows((old) => ({...old, [id]: {id, state: "lost", error: error.message}})),
  );
  useEffect(() => { ids.filter((id) => !rows[id]).forEach(fetchRow); }, [key]);
  useEvent("draw", (event) => { if (ids.includes(event.id) && !isDrawing(event)) fetchRow(event.id); });
  useEvent("reset", () => ids.forEach(fetchRow));
  return ids.map((id) => rows[id] || null);
}

const base = (drawing) => `/api/draws/${encodeURIComponent(drawing.id)}`;
export const frameUrl = (drawing, index, what) => `${base(drawing)}/frames/${index}/${what}.png`;
export const imageUrl = (drawing, index) => `${base(drawing)}/images/${index}.png`;
export const gridUrl = (drawing) => `${base(drawing)}/grid.png`;
export const animationUrl = (drawing) => `${base(drawing)}/animation.gif`;
export const seedOf = (drawing, index) => drawing.seeds?.[index] ?? (drawing.request?.seed ?? 0) + index;
export const nameOfImage = (drawing, index) => `seed ${seedOf(drawing, index)}`;
