// Live events of the server: one EventSource a page. It reconnects by itself and names the last event it saw.
//
//   useEvent("draw", (event) => …)        while the component is mounted; event.id, event.state …
//   listen("reset", reload)               events were lost, or the server was started again: fetch again
//   const open = useConnection()          false while the server cannot be reached

import {useEffect, useRef, useState} from "../vendor/htm-preact.js";

/** Name of this page. The server cancels what was marked with it as soon as the page is closed. */
export const READER = Math.random().toString(36).slice(2);

const listeners = new Map(); // kind → set of functions
let source = null;
let lost = false;

/** Call `handler` for each event of a kind; returns the function that stops it. */
export function listen(kind, handler) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(handler);
  return () => listeners.get(kind).delete(handler);
}

/** Hook: call the newest `handler` for each event of a kind. */
export function useEvent(kind, handler) {
  const newest = useRef(handler);
  newest.current = handler;
  useEffect(() => listen(kind, (event) => newest.current(event)), [kind]);
}

/** Hook: whether the events are arriving. */
export function useConnection() {
  const [open, setOpen] = useState(!lost);
  useEvent("connection", (event) => setOpen(event.open));
  return open;
}

function emit(event) {
  (listeners.get(event.kind) || []).forEach((handler) => handler(event));
}

/** Open the connection. */
export function connect() {
  if (source) return;
  source = new EventSource(`/api/events?reader=${READER}`);
  source.onmessage = (message) => emit(JSON.parse(message.data));
  source.onopen = () => {
    if (lost) emit({kind: "reset"});
    lost = false;
    emit({kind: "connection", open: true});
  };
  source.onerror = () => {
    lost = true;
    emit({kind: "connection", open: false});
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    source = null;
    setTimeout(connect, 2000);
  };
}
