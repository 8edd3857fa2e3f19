// Small curve without axes: <${Sparkline} points=${[[step, value], …]} label="Loss" />

import {html} from "../vendor/htm-preact.js";
import {formatNumber} from "./format.js";

const WIDTH = 120;
const HEIGHT = 32;

export function Sparkline({points, label}) {
  const known = (points || []).filter(([, value]) => Number.isFinite(value));
  if (known.length < 2) return html`<svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />`;
  const logs = known.every(([, value]) => value > 0);
  const heights = known.map(([, value]) => (logs ? Math.log(value) : value));
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const [first, last] = [known[0][0], known[known.length - 1][0]];
  const place = ([step], index) => {
    const x = (WIDTH - 2) * ((step - first) / (last - first || 1)) + 1;
    const y = (HEIGHT - 4) * (1 - (heights[index] - low) / (high - low || 1)) + 2;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  const text = `${label} from ${formatNumber(known[0][1])} to ${formatNumber(known[known.length - 1][1])}`;
  return html`<svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${text}>
    <title>${text}</title>
    <polyline points=${known.map(place).join(" ")} />
  </svg>`;
}
