// Blind test by eye: images of models and real ones in random order; the answers are counted as `ddpm compare --tally` does.

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {post} from "../parts/client.js";
import {NumberField} from "../parts/fields.js";
import {formatNumber} from "../parts/format.js";
import {ErrorMessage} from "../parts/messages.js";
import {ModelChoice, chosenIds} from "../parts/model_choice.js";

const STORE = "ddpm.blind"; // the test and the answers so far: a reload goes on with them

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE));
  } catch {
    return null;
  }
}

export function BlindTest({params, change, models}) {
  const [test, setTest] = useState(read);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const chosen = chosenIds(params.models, models);
  const n = Number(params.n ?? 10);
  const keep = (next) => {
    sessionStorage.setItem(STORE, JSON.stringify(next));
    setTest(next);
  };
  const attempt = (action) => action.then((result) => { setError(null); return result; }, setError);
  const start = (event) => {
    event.preventDefault();
    setBusy(true);
    attempt(post("/api/blind-tests", {models: chosen, n})).then((answer) => {
      setBusy(false);
      if (answer) keep({...answer, answers: {}, tally: null});
    });
  };
  const answer = (number, word) => {
    const next = {...test, answers: {...test.answers, [number]: word}};
    keep(next);
    if (Object.keys(next.answers).length < next.items.length) return;
    attempt(post(`/api/blind-tests/${encodeURIComponent(test.id)}/tally`, {answers: next.answers})).then((tally) => tally && keep({...next, tally}));
  };
  return html`<div class="stack">
    <form class="panel" onSubmit=${start} aria-label="Blind test">
      <p>You see images one by one, some real, some drawn, and say which they are. The source is shown at the end.</p>
      <${ModelChoice} models=${models} chosen=${chosen} onChange=${(next) => change({models: next.join(",")})} />
      <div class="fields"><${NumberField} label="Images of each" value=${n} min=${2} max=${50} onChange=${(value) => change({n: value})} /></div>
      <div class="buttons"><button class=${test ? "" : "primary"} type="submit" disabled=${chosen.length < 2 || busy}>${test ? "Start again" : "Start"}</button>
        <span class="muted" role="status">${busy ? "Drawing the images…" : chosen.length < 2 ? "Choose two models or more." : ""}</span></div>
    </form>
    <${ErrorMessage} error=${error} />
    ${test && !test.tally && html`<${Question} test=${test} onAnswer=${answer} />`}
    ${test?.tally && html`<${Tally} tally=${test.tally} />`}
  </div>`;
}

function Question({test, onAnswer}) {
  const item = test.items.find(({number}) => !(number in test.answers));
  const done = Object.keys(test.answers).length;
  useEffect(() => { // the next image is loaded while the reader looks at this one
    const next = test.items.filter(({number}) => !(number in test.answers))[1];
    if (next) new Image().src = next.url;
  }, [item?.number]);
  if (!item) return html`<p class="muted" role="status">Counting…</p>`;
  return html`<section class="panel" aria-label="Question">
    <p role="status">Image ${done + 1} of ${test.items.length}</p>
    <img class="pixels judged" src=${item.url} alt=${`Image ${item.number}`} />
    <div class="buttons"><button type="button" onClick=${() => onAnswer(item.number, "real")}>Real</button>
      <button type="button" onClick=${() => onAnswer(item.number, "generated")}>Drawn by a model</button></div>
  </section>`;
}

const percent = (value) => (value === null || value === undefined ? "–" : `${formatNumber(100 * value)} %`);

function Tally({tally}) {
  return html`<section class="panel" aria-label="Result"><h2>Result</h2><p role="status">${tally.sentence}</p>
    <div class="table-box" tabindex="0" role="region" aria-label="Answers by source"><table>
      <thead><tr><th scope="col">source</th><th scope="col" class="number">judged</th><th scope="col" class="number">called real</th><th scope="col" class="number">interval</th></tr></thead>
      <tbody>${tally.rows.map((row) => html`<tr key=${row.name}><th scope="row">${row.name}</th><td class="number">${row.judged}</td><td class="number">${percent(row.called_real)}</td>
        <td class="number">${percent(row.low)} to ${percent(row.high)}</td></tr>`)}</tbody></table></div>
  </section>`;
}
