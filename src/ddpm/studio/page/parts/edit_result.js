// Result of an edit, drawn live: <${EditResult} id=${params.result} shape=${model} n=${4} note="…" />
//   const start = useEdit(change, setFailure);    await start({kind: "refine", …})   sets `result` in the address

import {html} from "../vendor/htm-preact.js";
import {post} from "./client.js";
import {CommandLine} from "./command_line.js";
import {animationUrl, frameUrl, gridUrl, isDrawing, useDrawing} from "./drawing.js";
import {ImageGrid} from "./image_grid.js";
import {ErrorMessage} from "./messages.js";
import {followedFrame, useReducedMotion} from "./media.js";
import {describeFrame} from "./playback.js";

/** Return the function that starts an edit and shows it. */
export function useEdit(change, setFailure) {
  return async (body) => {
    try {
      const {id} = await post("/api/edits", body);
      setFailure(null);
      change({result: id});
    } catch (error) {
      setFailure(error);
    }
  };
}

export function EditResult({id, model, rows, columns, note}) {
  const {drawing, error} = useDrawing(id || null);
  const frames = drawing?.frames || [];
  const last = followedFrame(drawing, useReducedMotion());
  const size = {rows, columns, width: model.width, height: model.height, n: rows * columns, ...drawing};
  const lost = error?.status === 404 ? {message: "This result is no longer on the server. Press the button again: the same settings give the same images."} : error;
  return html`<section class="tight" aria-label="Result">
    <h2>Result</h2>
    <p class="muted" role="status">${drawing && drawing.state !== "done" ? describeFrame(drawing, last) : ""}</p>
    <${ImageGrid} src=${last >= 0 ? frameUrl(drawing, frames[last].index ?? last, isDrawing(drawing) ? "x0" : "x") : null} rows=${size.rows} columns=${size.columns}
      width=${size.width} height=${size.height} count=${size.n} alt=${`Result, ${size.n} images`}>${note}<//>
    <${ErrorMessage} error=${lost || (drawing?.error && {message: drawing.error})} />
    ${drawing?.state === "done" && html`<div class="buttons"><a class="button" href=${gridUrl(drawing)} download="edit.png">Save as PNG</a>
      <a class="button" href=${animationUrl(drawing)} download="edit.gif">Save GIF</a></div>`}
    ${drawing?.command && html`<${CommandLine} command=${drawing.command} />`}
  </section>`;
}
