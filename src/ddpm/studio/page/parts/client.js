// Requests to the server. The cookie set by the printed address carries the token, so the page never sees it.
//
//   await get("/api/models")                       JSON; throws ApiError with the server's sentence
//   await post("/api/draws", {model, seed})        JSON in, JSON out
//   await upload("/api/uploads", file, "application/zip")
//   const {value, error, reload} = useResource("/api/runs");     null as path: nothing is fetched

import {useCallback, useEffect, useRef, useState} from "../vendor/htm-preact.js";
import {listen} from "./live.js";

const UNREACHABLE = "The server does not answer. Start it again in the terminal: ddpm studio";
const NO_TOKEN = "This page needs its token. Open the address that ddpm studio printed in the terminal.";

/** Error whose message is the server's sentence. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, {credentials: "same-origin", ...options});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(UNREACHABLE, 0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) throw new ApiError(NO_TOKEN, 401);
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(body.error || `The server answered ${answer.status} to ${path}.`, answer.status);
}

export async function get(path, options) {
  return (await send(path, options)).json();
}

export async function post(path, body = {}, options = {}) {
  const headers = {"Content-Type": "application/json"};
  return (await send(path, {method: "POST", headers, body: JSON.stringify(body), ...options})).json();
}

export async function upload(path, file, type) {
  return (await send(path, {method: "POST", headers: {"Content-Type": type}, body: file})).json();
}

/** Hook: the JSON at `path`, fetched again when the path changes, on `reload`, and when the server comes back.
 *
 * A reload that is asked for while an answer is under way follows it, so that quick events never starve the view.
 */
export function useResource(path) {
  const [state, setState] = useState({path: null, value: null, error: null});
  const reload = useRef(() => {});
  useEffect(() => {
    if (!path) return undefined;
    const abort = new AbortController();
    let busy = false;
    let again = false;
    const fetchValue = async () => {
      if (busy) { again = true; return; }
      busy = true;
      try {
        const value = await get(path, {signal: abort.signal});
        setState({path, value, error: null});
      } catch (error) {
        if (error.name === "AbortError") return;
        setState((old) => ({path, value: old.path === path ? old.value : null, error}));
      }
      busy = false;
      if (again) { again = false; fetchValue(); }
    };
    reload.current = fetchValue;
    fetchValue();
    const stop = listen("reset", fetchValue);
    return () => { abort.abort(); stop(); reload.current = () => {}; };
  }, [path]);
  const setValue = useCallback((change) => setState((old) => ({...old, value: change(old.value)})), []);
  const reloadNow = useCallback(() => reload.current(), []);
  const current = path !== null && state.path === path;
  return {value: current ? state.value : null, error: current ? state.error : null, reload: reloadNow, setValue};
}
