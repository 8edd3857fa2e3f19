// Address of a view: `#/draw?model=mnist&seed=3`. The whole state of a view lives in its parameters.
//
//   const [address, change] = useAddress();       address.view, address.params (strings)
//   change({seed: 4, frame: null});               merge into the parameters; null removes one
//   change({step: 3}, {push: true});              also leave an entry for the browser's Back button
//   goTo("draw", {model: "run:digits"});          another view
//   addressOf("draw", {seed: 3})                  the same as a link, for href

import {useEffect, useState} from "../vendor/htm-preact.js";

const CHANGED = "addresschange";

/** Return {view, params} of a hash. */
export function readAddress(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  return {view: path || "runs", params: Object.fromEntries(new URLSearchParams(query))};
}

/** Return the hash of a view and its parameters; those that are null or undefined are left out. */
export function addressOf(view, params = {}) {
  const present = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(present.map(([key, value]) => [key, String(value)])).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** Open a view. */
export function goTo(view, params = {}) {
  location.hash = addressOf(view, params);
}

/** Merge `changes` into the parameters of the current view. */
export function changeAddress(changes, {push = false} = {}) {
  const {view, params} = readAddress();
  const hash = addressOf(view, {...params, ...changes});
  if (hash === location.hash) return;
  history[push ? "pushState" : "replaceState"](null, "", hash);
  dispatchEvent(new Event(CHANGED));
}

/** Hook: the current address, and the function that changes its parameters. */
export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const update = () => setAddress(readAddress());
    const names = ["hashchange", "popstate", CHANGED];
    names.forEach((name) => addEventListener(name, update));
    update(); // the address may have changed since the first render
    return () => names.forEach((name) => removeEventListener(name, update));
  }, []);
  return [address, changeAddress];
}
