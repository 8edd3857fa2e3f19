// The system's setting for reduced motion: nothing moves by itself for those who asked for that.
//
//   const still = useReducedMotion();
//   followedFrame(drawing, still)      index of the frame to show while the reader follows a drawing; -1 without frames

import {useEffect, useState} from "../vendor/htm-preact.js";
import {isDrawing} from "./drawing.js";

const QUERY = matchMedia("(prefers-reduced-motion: reduce)");

/** Hook: whether the reader wants reduced motion. */
export function useReducedMotion() {
  const [still, setStill] = useState(QUERY.matches);
  useEffect(() => {
    const update = () => setStill(QUERY.matches);
    QUERY.addEventListener("change", update);
    return () => QUERY.removeEventListener("change", update);
  }, []);
  return still;
}

/** Return the newest frame; with reduced motion the first one until the drawing is done. */
export function followedFrame(drawing, still) {
  const last = (drawing?.frames || []).length - 1;
  return still && isDrawing(drawing) ? Math.min(0, last) : last;
}
