// Hand in: student id, runs and notes become the zip; the check's findings and the report are shown.

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {addressOf} from "../parts/address.js";
import {post} from "../parts/client.js";
import {Select, TextField, useId} from "../parts/fields.js";
import {JobLine} from "../parts/job_line.js";
import {EmptyState, ErrorMessage} from "../parts/messages.js";
import {isActive, useJob} from "../parts/working_now.js";
import {useRuns} from "./runs.js";

export const title = "Hand in";

const STORE = "ddpm.handin"; // id and notes stay in this browser: an address may be passed on
const ROLES = {mnist: "Run on MNIST", anime: "Run on anime faces", dcgan: "Baseline (DCGAN)"};

const VERDICTS = {ok: "OK", wrong: "To fix", "not verifiable": "Not verifiable"};

function useStored(name) {
  const [value, setValue] = useState(() => localStorage.getItem(`${STORE}.${name}`) || "");
  useEffect(() => localStorage.setItem(`${STORE}.${name}`, value), [value]);
  return [value, setValue];
}

export function View({params, change}) {
  const {runs, error: lost} = useRuns();
  const [student, setStudent] = useStored("student");
  const [notes, setNotes] = useStored("notes");
  const [error, setError] = useState(null);
  const {job, error: gone} = useJob(params.job);
  const notesId = useId();
  if (lost) return html`<${ErrorMessage} error=${lost} />`;
  if (!runs) return null;
  if (!runs.length) {
    return html`<${EmptyState} title="No run to hand in yet" action=${html`<a class="button primary" href=${addressOf("new")}>New run</a>`}>
      The hand-in packs runs that you trained: one on MNIST and one on anime faces.<//>`;
  }
  const start = async (event) => {
    event.preventDefault();
    try {
      const body = {student_id: student, notes: notes || null, lang: params.lang || "en"};
      Object.keys(ROLES).forEach((role) => { body[role] = params[role] || null; });
      const answer = await post("/api/bundles", body);
      setError(null);
      change({job: answer.id});
    } catch (failure) {
      setError(failure);
    }
  };
  const options = [{value: "", name: "none"}, ...runs.map((run) => ({value: run.id, name: run.name}))];
  return html`<div class="stack">
    <p>Packs the assignment into one zip, checks it and shows the report: for MNIST and for anime faces a grid of 25 images and the loss
      curve, the report as PDF, a readme and the source.</p>
    <form class="panel narrow" onSubmit=${start} aria-label="Hand in">
      <div class="fields roomy">
        <${TextField} label="Student ID" value=${student} required onChange=${setStudent} />
        ${Object.entries(ROLES).map(([role, label]) => html`<${Select} key=${role} label=${label} value=${params[role] || ""} options=${options} onChange=${(id) => change({[role]: id || null})} />`)}
        <${Select} label="Language of the report" value=${params.lang || "en"} options=${[{value: "en", name: "English"}, {value: "zh-TW", name: "Chinese (Taiwan)"}]} onChange=${(lang) => change({lang})} />
      </div>
      <div class="field"><label for=${notesId}>Your own words in the report (Markdown)</label>
        <textarea id=${notesId} value=${notes} onInput=${(event) => setNotes(event.target.value)}></textarea>
        <p class="help">What you tried, what you saw, and why. Kept in this browser.</p></div>
      <div class="buttons"><button class="primary" type="submit" disabled=${isActive(job)}>Write the zip</button></div>
    </form>
    <${ErrorMessage} error=${error || (gone?.status === 404 ? null : gone)} />
    ${job && html`<section class="panel" aria-label="Progress"><${JobLine} job=${job} /></section>`}
    ${job?.state === "done" && job.result && html`<${Bundle} result=${job.result} />`}
  </div>`;
}

function Bundle({result}) {
  const findings = result.findings || [];
  return html`<section class="panel" aria-label="The hand-in">
    <h2>The hand-in</h2>
    <div class="buttons"><a class="button primary" href=${result.zip} download>Save the zip</a>
      ${result.report && html`<a class="button" href=${result.report} download>Save the report</a>`}</div>
    <h3>What the check found</h3>
    ${findings.length ? html`<ul class="plain">${findings.map((one) => html`<li key=${one.sentence} class=${one.ok ? "" : "problem"}>${VERDICTS[one.verdict]}: ${one.sentence}</li>`)}</ul>`
    : html`<p>Nothing to fix.</p>`}
    ${result.report && html`<iframe class="report" src=${result.report} title="The report"></iframe>`}
  </section>`;
}
