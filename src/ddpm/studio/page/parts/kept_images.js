// Images that the reader keeps: PNGs with their settings inside, stored in this browser.
//
//   const kept = useKeptImages();    kept.images = [{name, model, url, address}], kept.keep({name, src, model, address}), kept.remove(i)
//   <${KeptImages} kept=${kept} />

import {html, useEffect, useState} from "../vendor/htm-preact.js";

const STORE = "ddpm.kept";
const MOST = 48;

const encode = (bytes) => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) || [];
  } catch {
    return [];
  }
}

/** Hook: the kept images; each has an object URL while the component lives. */
export function useKeptImages() {
  const [stored, setStored] = useState(read);
  const [images, setImages] = useState([]);
  useEffect(() => {
    const shown = stored.map((one) => ({...one, url: URL.createObjectURL(new Blob([decode(one.png)], {type: "image/png"}))}));
    setImages(shown);
    return () => shown.forEach((one) => URL.revokeObjectURL(one.url));
  }, [stored]);
  const write = (next) => {
    localStorage.setItem(STORE, JSON.stringify(next));
    setStored(next);
  };
  const keep = async ({name, src, model, address}) => {
    const answer = await fetch(src);
    const png = encode(await answer.arrayBuffer());
    write([{name, model, address, png}, ...read().filter((one) => one.png !== png)].slice(0, MOST));
  };
  return {images, keep, remove: (index) => write(read().filter((_, other) => other !== index))};
}

export function KeptImages({kept}) {
  if (!kept.images.length) return null;
  return html`<section class="tight" aria-label="Kept images">
    <h2>Kept in this browser</h2>
    <ul class="kept">${kept.images.map((one, index) => html`<li key=${one.png}>
      <a href=${one.address} title=${`${one.model}, ${one.name}`}><img class="pixels" src=${one.url} alt=${`${one.model}, ${one.name}`} /></a>
      <span class="buttons"><a class="button small" href=${one.url} download=${`${one.model}-${one.name.replace(/\W+/g, "-")}.png`} aria-label=${`Save ${one.name} as PNG`}>PNG</a>
      <button type="button" class="small" aria-label=${`Remove ${one.name}`} onClick=${() => kept.remove(index)}>Remove</button></span>
    </li>`)}</ul>
  </section>`;
}
