// What is working now, on the right of the header: trainings, other jobs, and drawings in the queue.
//
//   const {job, error} = useJob(id);       one job, followed while it works; no id: null
//   isActive(job) · progressOf(job)        0 to 1, or null while it is unknown

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "./address.js";
import {useResource} from "./client.js";
import {useConnection, useEvent} from "./live.js";

const ACTIVE = new Set(["waiting", "running"]);
const VIEWS = {comparison: "compare", lab: "lab", bundle: "handin", plan: "new"}; // where a job is followed
const SHOWN = 2; // entries before "3 more"

export const isActive = (job) => Boolean(job) && ACTIVE.has(job.state);
export const progressOf = (job) => job?.progress ?? (job?.steps ? job.step / job.steps : null);

/** Return a list with `row` merged into the entry of its id, or put before the others. */
export function mergeRow(rows, row) {
  const all = rows || [];
  return all.some((one) => one.id === row.id) ? all.map((one) => (one.id === row.id ? {...one, ...row} : one)) : [row, ...all];
}

/** Return the job of a run's card, as /api/jobs lists trainings. */
const trainingOf = (card) => ({
  id: card.id, kind: "training", run: card.id, title: `training ${card.name}`,
  state: card.state === "training" ? "running" : "done", progress: card.steps ? card.step / card.steps : null,
});

/** Hook: the jobs that wait or run, trainings among them, and the drawings that do. */
export function useWork() {
  const jobs = useResource("/api/jobs");
  useEvent("job", ({job}) => jobs.setValue((all) => mergeRow(all, job)));
  useEvent("draw", (event) => jobs.setValue((all) => mergeRow(all, event)));
  useEvent("run", (card) => jobs.setValue((all) => mergeRow(all, trainingOf(card))));
  const active = (jobs.value || []).filter(isActive);
  return {jobs: active.filter((job) => job.kind !== "draw"), drawings: active.filter((job) => job.kind === "draw")};
}

const percent = (share) => (share === null ? "" : ` ${Math.floor(100 * share)} %`);

function drawingEntry(drawings) {
  const running = drawings.find((job) => job.state === "running");
  const waiting = drawings.length - (running ? 1 : 0);
  return {
    key: "drawings", href: running ? addressOf("draw", {draw: running.id}) : addressOf("draw"),
    text: waiting ? `drawing, ${waiting} waiting` : "drawing",
  };
}

export function WorkingNow() {
  const open = useConnection();
  const {jobs, drawings} = useWork();
  if (!open) return html`<p class="working lost" role="status">The server does not answer; trying again</p>`;
  const entries = jobs.map((job) => ({key: job.id, href: linkOf(job), text: `${job.title}${percent(progressOf(job))}`}));
  const shown = [...entries.slice(0, SHOWN), ...(drawings.length ? [drawingEntry(drawings)] : [])];
  return html`<div class="working" role="group" aria-label="Working now">
    ${shown.map(({key, href, text}) => html`<a key=${key} class="busy" href=${href}>${text}</a>`)}
    ${entries.length > SHOWN && html`<span>${entries.length - SHOWN} more</span>`}
    ${!shown.length && html`<span class="muted">idle</span>`}
  </div>`;
}

/** Return the address of the view where a job can be followed. */
export function linkOf(job) {
  if (VIEWS[job.kind]) return addressOf(VIEWS[job.kind], {job: job.id});
  return job.run ? addressOf("run", {id: job.run, job: job.kind === "training" ? null : job.id}) : addressOf("runs");
}

/** Hook: one job, followed while it works; null for no id. */
export function useJob(id) {
  const {value, error, setValue} = useResource(id ? `/api/jobs/${encodeURIComponent(id)}` : null);
  useEvent("job", ({job}) => { if (job.id === id) setValue(() => job); });
  return {job: value, error};
}
