// Image that an edit starts from: a drawn one, a file, or an empty sheet. The sheet lives in this tab's storage.
//
//   const {picture, name, setPicture} = useStartImage(params, model);     picture: a canvas of the model's size, or null
//   <${StartImage} … /> offers the choices

import {html, useEffect, useState} from "../vendor/htm-preact.js";
import {addressOf} from "./address.js";
import {FileDrop} from "./file_drop.js";
import {imageUrl} from "./drawing.js";
import {loadPicture} from "./image_grid.js";

/** Return a canvas filled with a color. */
export function sheet(model, color = "#000000") {
  const canvas = Object.assign(document.createElement("canvas"), {width: model.width, height: model.height});
  const context = canvas.getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, model.width, model.height);
  return canvas;
}

/** Return an image scaled to the model's size, its middle cut to the model's proportions. */
export function fitted(source, model) {
  const canvas = sheet(model);
  const scale = Math.max(model.width / source.width, model.height / source.height);
  const [width, height] = [model.width / scale, model.height / scale];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, (source.width - width) / 2, (source.height - height) / 2, width, height, 0, 0, model.width, model.height);
  return canvas;
}

const storeName = (model) => `ddpm.sheet ${model.id}`;

/** Keep a painted canvas through a reload. */
export const keepSheet = (model, canvas) => sessionStorage.setItem(storeName(model), canvas.toDataURL("image/png"));

async function keptSheet(model) {
  const text = sessionStorage.getItem(storeName(model));
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text.split(",")[1]), (letter) => letter.charCodeAt(0));
  return fitted(await createImageBitmap(new Blob([bytes], {type: "image/png"})), model);
}

/** Hook: the picture named by the address (draw, index), else the sheet kept in this tab. */
export function useStartImage(params, model) {
  const [picture, setPicture] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    let current = true;
    const source = params.draw
      ? loadPicture(imageUrl({id: params.draw}, Number(params.index || 0))).then((image) => fitted(image, model)) : keptSheet(model);
    source.then((canvas) => current && canvas && setPicture(canvas), () => current && setError({message: "That drawing is no longer on the server. Draw it again, or choose a file."}));
    return () => { current = false; };
  }, [params.draw, params.index, model.id]);
  return {picture, setPicture, error};
}

export function StartImage({model, change, setPicture, onFailure, children}) {
  const open = async (file) => {
    try {
      const canvas = fitted(await createImageBitmap(file), model);
      keepSheet(model, canvas);
      change({draw: null, index: null, result: null});
      setPicture(canvas);
    } catch {
      onFailure({message: `${file.name} is no picture that this browser can open. Choose a PNG or JPEG.`});
    }
  };
  return html`<${FileDrop} label=${`Start from a picture; it is scaled to ${model.width}x${model.height}`} accept="image/png,image/jpeg,image/gif,image/webp" onFile=${open}>
    <span class="buttons"><a class="button" href=${addressOf("draw", {model: model.id})}>Draw one</a>${children}</span><//>`;
}
