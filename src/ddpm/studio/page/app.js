// The page: navigation, what is working now, and the view named by the address. Views are loaded when opened.

import {html, render, useEffect, useRef, useState} from "./vendor/htm-preact.js";
import {addressOf, useAddress} from "./parts/address.js";
import {connect} from "./parts/live.js";
import {ErrorMessage} from "./parts/messages.js";
import {TourBar} from "./parts/tour.js";
import {WorkingNow} from "./parts/working_now.js";

// A view: the file below views/ that exports {title, View}; `within`: the entry of the navigation it belongs to.
const VIEWS = {
  runs: {load: () => import("./views/runs.js"), name: "Runs"},
  draw: {load: () => import("./views/draw.js"), name: "Draw"},
  understand: {load: () => import("./views/understand.js"), name: "Understand"},
  compare: {load: () => import("./views/compare.js"), name: "Compare"},
  edit: {load: () => import("./views/edit.js"), name: "Edit"},
  lab: {load: () => import("./views/lab.js"), name: "Lab"},
  handin: {load: () => import("./views/handin.js"), name: "Hand in"},
  run: {load: () => import("./views/run.js"), within: "runs"},
  new: {load: () => import("./views/new_run.js"), within: "runs"},
};

function Navigation({view}) {
  const current = VIEWS[view]?.within || view;
  return html`<nav class="rail" aria-label="Views"><ul>
    ${Object.entries(VIEWS).filter(([, one]) => one.name).map(([key, one]) => html`<li key=${key}>
      <a href=${addressOf(key)} aria-current=${key === current ? "page" : undefined}>${one.name}</a></li>`)}
  </ul></nav>`;
}

/** Hook: the module of a view, {module, error}. */
function useView(view) {
  const [state, setState] = useState({});
  useEffect(() => {
    let current = true;
    const load = VIEWS[view]?.load || (() => Promise.reject(new Error(`There is no view ${view}.`)));
    load().then(
      (module) => current && setState({view, module}),
      (error) => current && setState({view, error}),
    );
    return () => { current = false; };
  }, [view]);
  return state.view === view ? state : {};
}

function App() {
  const [{view, params}, change] = useAddress();
  const {module, error} = useView(view);
  const heading = useRef(null);
  const first = useRef(true);
  const [ownTitle, setTitle] = useState(null); // a view may name itself after what it shows
  const title = ownTitle || module?.title || "ddpm studio";
  useEffect(() => setTitle(null), [view]);
  useEffect(() => { document.title = module ? `${title} · ddpm studio` : "ddpm studio"; }, [title, module]);
  useEffect(() => { // a new view: reading goes on at its heading
    if (module && !first.current) heading.current?.focus();
    if (module) first.current = false;
  }, [module]);
  return html`
    <a class="skip" href=${addressOf(view, params)} onClick=${(event) => { event.preventDefault(); heading.current?.focus(); }}>
      Skip to the content</a>
    <header class="top"><a class="brand" href=${addressOf("runs")}>ddpm studio</a><${WorkingNow} /></header>
    <${Navigation} view=${view} />
    <main aria-busy=${!module && !error}>
      <h1 ref=${heading} tabindex="-1">${module ? title : " "}</h1>
      <${TourBar} params=${params} />
      <${ErrorMessage} error=${error} />
      ${module && html`<${module.View} key=${view} params=${params} change=${change} setTitle=${setTitle} />`}
    </main>`;
}

connect();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
