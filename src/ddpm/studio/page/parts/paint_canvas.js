// Canvas to paint on, at the model's own size and enlarged by a whole factor. Pointer, or arrow keys and Space.
//
//   <${PaintCanvas} width height picture=${canvas|null} mask=${bits} onMask=${(bits) => …} size=${2} alt="…" />      marks what is redrawn
//   <${PaintCanvas} width height picture=${canvas} color="#ffffff" onStart=${…} onPaint=${(canvas) => …} size=${2} alt="…" />     paints on the picture
//
// `mask`: Uint8Array [height * width] of 0 and 1. `picture`: a canvas of width × height pixels.

import {html, useEffect, useRef, useState} from "../vendor/htm-preact.js";
import {useWidth} from "./image_grid.js";

const ROOM = 384;
const MARK = "rgb(213 94 0 / 60%)";
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

/** Call `visit(x, y)` for each pixel of a round brush at a place. */
function brush(x, y, size, width, height, visit) {
  const radius = size / 2;
  for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, y + radius); row += 1) {
    for (let column = Math.max(0, Math.floor(x - radius)); column <= Math.min(width - 1, x + radius); column += 1) {
      if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= Math.max(radius, 0.71)) visit(column, row);
    }
  }
}

/** Return the places on the line between two places, half a pixel apart. */
function between([x0, y0], [x1, y1]) {
  const count = Math.max(1, Math.ceil(2 * Math.hypot(x1 - x0, y1 - y0)));
  return Array.from({length: count}, (_, index) => [x0 + ((x1 - x0) * (index + 1)) / count, y0 + ((y1 - y0) * (index + 1)) / count]);
}

export function PaintCanvas({width, height, picture, mask, onMask, color, onStart, onPaint, size, erase = false, alt}) {
  const [box, across] = useWidth();
  const canvas = useRef(null);
  const last = useRef(null);
  const [cursor, setCursor] = useState(null); // place of the keyboard's brush
  const factor = Math.max(1, Math.floor(Math.min(across || ROOM, ROOM) / width));
  const draft = useRef(mask);
  draft.current = mask;
  const show = () => {
    const context = canvas.current.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, width * factor, height * factor);
    if (picture) context.drawImage(picture, 0, 0, width * factor, height * factor);
    context.fillStyle = MARK;
    draft.current?.forEach((marked, index) => {
      if (marked) context.fillRect((index % width) * factor, Math.floor(index / width) * factor, factor, factor);
    });
    if (!cursor) return;
    context.strokeStyle = "#56b4e9";
    context.lineWidth = 2;
    const radius = Math.max(size / 2, 0.5) * factor;
    context.strokeRect(cursor[0] * factor - radius, cursor[1] * factor - radius, 2 * radius, 2 * radius);
  };
  useEffect(show);
  const touch = (places) => {
    if (onMask) {
      const next = Uint8Array.from(draft.current);
      places.forEach(([x, y]) => brush(x, y, size, width, height, (column, row) => { next[row * width + column] = erase ? 0 : 1; }));
      draft.current = next;
    } else {
      const context = picture.getContext("2d");
      context.fillStyle = erase ? "#000000" : color;
      places.forEach(([x, y]) => brush(x, y, size, width, height, (column, row) => context.fillRect(column, row, 1, 1)));
    }
    show();
  };
  const finish = () => {
    last.current = null;
    if (onMask) onMask(draft.current);
    else onPaint(picture);
  };
  const placeOf = (event) => {
    const bounds = canvas.current.getBoundingClientRect();
    return [((event.clientX - bounds.left) / bounds.width) * width, ((event.clientY - bounds.top) / bounds.height) * height];
  };
  const press = (event) => {
    event.preventDefault();
    canvas.current.focus();
    canvas.current.setPointerCapture(event.pointerId);
    last.current = placeOf(event);
    setCursor(null);
    onStart?.();
    touch([last.current]);
  };
  const drag = (event) => {
    if (!last.current) return;
    const place = placeOf(event);
    touch(between(last.current, place));
    last.current = place;
  };
  const type = (event) => {
    const move = MOVES[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    const [x, y] = cursor || [width / 2, height / 2];
    if (!move) {
      setCursor([x, y]);
      onStart?.();
      touch([[x, y]]);
      finish();
      return;
    }
    const next = [Math.min(width - 0.5, Math.max(0.5, x + move[0])), Math.min(height - 0.5, Math.max(0.5, y + move[1]))];
    setCursor(next);
    if (event.shiftKey) { onStart?.(); touch(between([x, y], next)); finish(); }
  };
  return html`<div class="grid-box" ref=${box}><canvas ref=${canvas} class="paint" width=${width * factor} height=${height * factor} tabindex="0" role="application"
    aria-label=${`${alt}. Arrow keys move the brush, Space paints, Shift with an arrow paints a line.`} onPointerDown=${press} onPointerMove=${drag}
    onPointerUp=${finish} onPointerCancel=${finish} onKeyDown=${type} onBlur=${() => setCursor(null)} /></div>`;
}

/** Return the bits of a mask as text for an address; "" if nothing is marked. */
export function maskText(mask) {
  if (!mask.some(Boolean)) return "";
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((bit, index) => { if (bit) bytes[index >> 3] |= 1 << (index & 7); });
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Return the mask of [height * width] bits that a text holds. */
export function readMask(text, width, height) {
  const mask = new Uint8Array(width * height);
  try {
    const bytes = Uint8Array.from(atob((text || "").replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    mask.forEach((_, index) => { mask[index] = ((bytes[index >> 3] || 0) >> (index & 7)) & 1; });
  } catch {
    return mask; // a text that is no mask marks nothing
  }
  return mask;
}

/** Return a mask as a canvas, white where the image is redrawn. */
export function maskPicture(mask, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), {width, height});
  const context = canvas.getContext("2d");
  context.fillStyle = "#000000";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#ffffff";
  mask.forEach((bit, index) => { if (bit) context.fillRect(index % width, Math.floor(index / width), 1, 1); });
  return canvas;
}

export const pngText = (canvas) => canvas.toDataURL("image/png").split(",")[1];
