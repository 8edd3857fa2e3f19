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
export const progressOf = (job) => (job?.steps ? job.step / job.steps : null);

/** Return a list with `row` merged into the entry of its id, or put before the others. */
export function mergeRow(rows, row) {
  const all = rows || [];
  return all.some((one) => one.id === row.id) ? all.map((one) => (one.id === row.id ? {...one, ...row} : one)) : [row, ...all];
}

/** Hook: the runs that train, and the jobs and drawings that wait or run. */
export function useWork() {
  const jobs = useResource("/api/jobs");
  const runs = useResource("/api/runs");
  useEvent("job", (event) => jobs.setValue((all) => mergeRow(all, event)));
  useEvent("draw", (event) => jobs.setValue((all) => mergeRow(all, {type: "draw", ...event})));
  useEvent("run", (card) => runs.setValue((all) => mergeRow(all, card)));
  const active = (jobs.value || []).filter(isActive);
  return {
    trainings: (runs.value || []).filter((run) => run.state === "training"),
    jobs: active.filter((job) => job.type !== "draw"),
    drawings: active.filter((job) => job.type === "draw"),
  };
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
  const {trainings, jobs, drawings} = useWork();
  if (!open) return html`<p class="working lost" role="status">The server does not answer; trying again</p>`;
  const entries = [
    ...trainings.map((run) => ({key: run.id, href: addressOf("run", {id: run.id}), text: `training ${run.name}${percent(progressOf(run))}`})),
    ...jobs.map((job) => ({key: job.id, href: linkOf(job), text: `${job.title}${percent(progressOf(job))}`})),
  ];
  const shown = [...entries.slice(0, SHOWN), ...(drawings.length ? [drawingEntry(drawings)] : [])];
  return html`<div class="working" role="group" aria-label="Working now">
    ${shown.map(({key, href, text}) => html`<a key=${key} class="busy" href=${href}>${text}</a>`)}
    ${entries.length > SHOWN && html`<span>${entries.length - SHOWN} more</span>`}
    ${!shown.length && html`<span class="muted">idle</span>`}
  </div>`;
}

/** Return the address of the view where a job can be followed. */
export function linkOf(job) {
  if (VIEWS[job.type]) return addressOf(VIEWS[job.type], {job: job.id});
  return job.run ? addressOf("run", {id: job.run, job: job.id}) : addressOf("runs");
}

/** Hook: one job, followed while it works; null for no id. */
export function useJob(id) {
  const {value, error, setValue, reload} = useResource(id ? `/api/jobs/${encodeURIComponent(id)}` : null);
  useEvent("job", (event) => {
    if (event.id !== id) return;
    if (isActive(event)) setValue((old) => (old ? {...old, ...event} : old));
    else reload();
  });
  return {job: value, error};
}
