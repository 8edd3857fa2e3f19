// What the reader's system asks for: reduced motion, a dark look.
//
//   const still = useReducedMotion();    nothing moves by itself
//   const dark = useDarkLook();          canvases are painted again when it changes
//   followedFrame(drawing, still)        index of the frame to show while the reader follows a drawing; -1 without frames

import {useEffect, useState} from "../vendor/htm-preact.js";
import {isDrawing} from "./drawing.js";

/** Hook: whether a media query matches. */
function useMedia(text) {
  const [matches, setMatches] = useState(() => matchMedia(text).matches);
  useEffect(() => {
    const query = matchMedia(text);
    const update = () => setMatches(query.matches);
    query.addEventListener("change", update);
    return () => query.removeEventListener("change", update);
  }, [text]);
  return matches;
}

export const useReducedMotion = () => useMedia("(prefers-reduced-motion: reduce)");
export const useDarkLook = () => useMedia("(prefers-color-scheme: dark)");

/** Return the newest frame; with reduced motion the first one until the drawing is done. */
export function followedFrame(drawing, still) {
  const last = (drawing?.frames || []).length - 1;
  return still && isDrawing(drawing) ? Math.min(0, last) : last;
}
