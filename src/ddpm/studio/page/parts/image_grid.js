// Grid of small images, enlarged by a whole factor with 2-pixel gaps. Its box is reserved before the images arrive.
//
//   <${ImageGrid} src="/api/draws/7/frames/3/x.png" rows=${5} columns=${5} width=${28} height=${28}
//      count=${25} alt="x_t of 25 images" nameOf=${(i) => `seed ${i}`} picked=${3} onPick=${(i) => …} />
//
// `src`: one picture of rows × columns cells without gaps, one pixel of it for one pixel of an image; null shows
// the empty box with `children` inside. Without `onPick` the grid is one picture named `alt`; with it every cell
// is a button, reached by the arrow keys. `room`: the largest height in CSS pixels.
//   loadPicture(src) → Promise of a decoded image      cellOf(image, index, columns, width, height) → canvas

import {html, useEffect, useLayoutEffect, useRef, useState} from "../vendor/htm-preact.js";

const GAP = 2;

/** Return the picture at an address, decoded. */
export function loadPicture(src) {
  const picture = new Image();
  picture.src = src;
  return picture.decode().then(() => picture);
}

/** Return the largest whole factor (at least 1) that fits `width` × `height` cells into a room. */
export function wholeFactor({rows, columns, width, height, across, room}) {
  const wide = (across - (columns - 1) * GAP) / (columns * width);
  const high = (room - (rows - 1) * GAP) / (rows * height);
  return Math.max(1, Math.floor(Math.min(wide, high)));
}

/** Return cell `index` of a picture as a canvas of its own. */
export function cellOf(picture, index, columns, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), {width, height});
  const [x, y] = [(index % columns) * width, Math.floor(index / columns) * height];
  canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
  return canvas;
}

function paint(canvas, picture, {rows, columns, width, height, count, factor}) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  for (let index = 0; index < Math.min(count, rows * columns); index += 1) {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    context.drawImage(
      picture, column * width, row * height, width, height,
      column * (width * factor + GAP), row * (height * factor + GAP), width * factor, height * factor,
    );
  }
}

/** Hook: the width of an element, known before the first paint and after each change of its size. */
export function useWidth() {
  const box = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => box.current && setWidth(Math.floor(box.current.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

export function ImageGrid(props) {
  const {src, rows, columns, width, height, alt, nameOf, onPick, picked, children, room = 480} = props;
  const count = props.count ?? rows * columns;
  const [box, across] = useWidth();
  const canvas = useRef(null);
  const factor = across ? wholeFactor({rows, columns, width, height, across, room}) : 1;
  const size = {
    width: columns * width * factor + (columns - 1) * GAP,
    height: rows * height * factor + (rows - 1) * GAP,
  };
  useEffect(() => {
    if (!src) {
      canvas.current?.getContext("2d").clearRect(0, 0, size.width, size.height);
      return undefined;
    }
    let current = true;
    loadPicture(src).then(
      (picture) => current && paint(canvas.current, picture, {rows, columns, width, height, count, factor}),
      () => {}, // cancelled, or newer by now
    );
    return () => { current = false; };
  }, [src, rows, columns, width, height, count, factor]);
  const cells = onPick && src;
  return html`<div class="grid-box" ref=${box}>
    <div class="grid" style=${{width: `${size.width}px`, aspectRatio: `${size.width} / ${size.height}`}}>
      <canvas ref=${canvas} width=${size.width} height=${size.height} role=${cells ? "presentation" : "img"}
        aria-label=${cells ? undefined : alt} aria-hidden=${cells ? "true" : undefined} />
      ${cells && html`<${Cells} ...${{count, columns, rows, alt, nameOf, picked, onPick}} />`}
      ${!src && children && html`<div class="grid-note">${children}</div>`}
    </div>
  </div>`;
}

const MOVES = {ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: (columns) => -columns, ArrowDown: (columns) => columns};

function Cells({count, columns, rows, alt, nameOf = (i) => `image ${i + 1}`, picked, onPick}) {
  const [focused, setFocused] = useState(picked ?? 0);
  const group = useRef(null);
  const move = (event) => {
    const step = MOVES[event.key]?.(columns);
    if (!step) return;
    event.preventDefault();
    const next = Math.min(count - 1, Math.max(0, focused + step));
    setFocused(next);
    group.current.children[next].focus();
  };
  const style = {gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)`};
  return html`<div class="cells" role="group" aria-label=${alt} style=${style} ref=${group} onKeyDown=${move}>
    ${Array.from({length: count}, (_, index) => html`<button type="button" key=${index} aria-label=${nameOf(index)}
      title=${nameOf(index)} aria-pressed=${index === picked} tabindex=${index === Math.min(focused, count - 1) ? 0 : -1}
      onFocus=${() => setFocused(index)} onClick=${() => onPick(index)} />`)}
  </div>`;
}

/** One picture at its address, enlarged by a whole factor; `size` is the wanted height in CSS pixels. */
export function Picture({src, width, height, alt, size = 128}) {
  const factor = Math.max(1, Math.floor(size / height));
  return html`<img class="pixels" src=${src} alt=${alt} width=${width * factor} height=${height * factor} decoding="async" />`;
}
