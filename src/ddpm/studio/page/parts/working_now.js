// What is working now, on the right of the header: drawings in the queue, trainings and other jobs.

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {addressOf} from "./address.js";
import {useResource} from "./client.js";
import {listen, useConnection, useEvent} from "./live.js";

const ACTIVE = new Set(["waiting", "running"]);

/** Hook: jobs that wait or run, newest first, and the sizes of the drawing queue. */
export function useWork() {
  const jobs = useResource("/api/jobs");
  const health = useResource("/api/health");
  const [queue, setQueue] = useState(null);
  useEvent("queue", setQueue);
  useEvent("job", ({job}) => jobs.setValue((all) => [job, ...(all || []).filter((one) => one.id !== job.id)]));
  useEffect(() => listen("reset", () => setQueue(null)), []);
  const active = (jobs.value || []).filter((job) => ACTIVE.has(job.state));
  return {jobs: active, queue: queue || health.value?.queue || {waiting: 0, running: null}};
}

function describeJob(job) {
  const share = job.progress === null || job.progress === undefined ? "" : ` ${Math.round(100 * job.progress)} %`;
  return `${job.title}${share}`;
}

export function WorkingNow() {
  const open = useConnection();
  const {jobs, queue} = useWork();
  if (!open) return html`<p class="working lost" role="status">The server does not answer; trying again</p>`;
  const others = jobs.filter((job) => job.kind !== "draw");
  const drawings = queue.waiting + (queue.running ? 1 : 0);
  const parts = [
    ...others.slice(0, 2).map((job) => html`<a key=${job.id} class="busy" href=${linkOf(job)}>${describeJob(job)}</a>`),
    ...(others.length > 2 ? [html`<span>${others.length - 2} more</span>`] : []),
    ...(drawings ? [html`<a class="busy" href=${queue.running ? addressOf("draw", {draw: queue.running}) : addressOf("draw")}>
      ${queue.waiting ? `drawing, ${queue.waiting} waiting` : "drawing"}</a>`] : []),
  ];
  return html`<div class="working" role="group" aria-label="Working now">
    ${parts.length ? parts : html`<span class="muted">idle</span>`}
  </div>`;
}

/** Return the address of the view where a job can be followed. */
export function linkOf(job) {
  const views = {comparison: "compare", lab: "lab", bundle: "handin", report: "handin", plan: "new"};
  if (views[job.kind]) return addressOf(views[job.kind], {job: job.id});
  return job.run ? addressOf("run", {id: job.run}) : addressOf("runs");
}

/** Hook: one job, followed while it works; null for no id. */
export function useJob(id) {
  const resource = useResource(id ? `/api/jobs/${encodeURIComponent(id)}` : null);
  useEvent("job", ({job}) => { if (job.id === id) resource.setValue(() => job); });
  return {job: resource.value, error: resource.error};
}

export const isActive = (job) => Boolean(job) && ACTIVE.has(job.state);
