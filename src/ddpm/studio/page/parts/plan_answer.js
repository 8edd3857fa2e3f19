// Answer of `ddpm plan`: <${PlanAnswer} job=${job} />, job.result as `ddpm plan --json` writes it.

import {html} from "../vendor/htm-preact.js";
import {formatBytes, formatNumber, formatSeconds} from "./format.js";
import {ErrorMessage} from "./messages.js";

export function PlanAnswer({job}) {
  if (job?.error) return html`<${ErrorMessage} error=${{message: job.error}} />`;
  const plan = job?.result;
  if (!plan) return html`<p class="muted">A plan times a few steps on this computer, for some seconds, and writes nothing. You may also start without one.</p>`;
  const proposal = plan.proposals?.[0];
  const facts = [
    ["Training time", plan.minutes ? `about ${formatSeconds(60 * plan.minutes)}` : formatSeconds(plan.seconds)],
    ["Steps", formatNumber(proposal?.steps ?? plan.steps)],
    ["Images seen", `${formatNumber(proposal?.images ?? plan.images_seen)}, ${formatNumber(plan.images_per_second)} a second`],
    ["Starts from", plan.init],
    ["Memory", formatBytes(plan.training_memory)],
    ["Disk", formatBytes(plan.disk?.total)],
    ["Drawing 25 images", plan.drawing_seconds ? `${plan.drawing_seconds < 1 ? "under 1 s" : formatSeconds(plan.drawing_seconds)} (${plan.drawing})` : null],
    ["Device", plan.device],
    ["Result", plan.expect],
  ];
  return html`<dl class="facts">${facts.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}
