// A job: its state, progress, newest lines of output and a button that cancels it. <${JobLine} job=${job} />

import {html, useState} from "../vendor/htm-preact.js";
import {post} from "./client.js";
import {CommandLine} from "./command_line.js";
import {formatSeconds} from "./format.js";
import {ErrorMessage, Progress} from "./messages.js";
import {isActive, progressOf} from "./working_now.js";

const SHOWN_LINES = 6;

export function JobLine({job}) {
  const [error, setError] = useState(null);
  const active = isActive(job);
  const cancel = () => post(`/api/jobs/${encodeURIComponent(job.id)}/cancel`).catch(setError);
  return html`<div class="tight">
    <div class="between"><span role="status">${job.title}: ${job.state}</span>${active && html`<button type="button" class="small" onClick=${cancel}>Cancel</button>`}</div>
    ${active && html`<${Progress} value=${progressOf(job)} label=${job.title} text=${job.seconds_left ? `${formatSeconds(job.seconds_left)} left` : ""} />`}
    ${job.lines?.length > 0 && html`<pre class="output" tabindex="0" role="region" aria-label="Last lines">${job.lines.slice(-SHOWN_LINES).join("\n")}</pre>`}
    <${ErrorMessage} error=${error || (job.error && {message: job.error})} />
    ${job.command && html`<${CommandLine} command=${job.command} />`}
  </div>`;
}
