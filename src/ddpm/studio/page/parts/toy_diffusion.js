// Diffusion of points in the plane, exact: the data are mixtures of Gaussians, so the density, the score and the best
// denoiser of every noise level have closed forms. No network is involved.
//
//   const data = DATA["two moons"].components;     [[x, y, deviation]…], equal weights
//   levelAt(u)                 {signal, sigma} at time u in 0 … 1 (cosine schedule, Nichol & Dhariwal 2021)
//   density(data, level, x, y) · score(data, level, x, y) → [dx, dy] · denoise(data, level, x, y) → [x0, y0]
//   samplePaths({data, sampler, steps, count, seed})   → paths[point][step] = [x, y], noisiest first

const TAU = 2 * Math.PI;

const circle = (count, radius, deviation) => Array.from({length: count}, (_, i) => [
  radius * Math.cos((TAU * i) / count), radius * Math.sin((TAU * i) / count), deviation,
]);
const spiral = (count) => Array.from({length: count}, (_, i) => {
  const turn = 1.5 * Math.PI + (3 * Math.PI * i) / (count - 1);
  return [(turn * Math.cos(turn)) / 9, (turn * Math.sin(turn)) / 9, 0.06];
});
const moons = (count) => Array.from({length: count}, (_, i) => {
  const upper = i < count / 2;
  const angle = (Math.PI * (i % (count / 2))) / (count / 2 - 1);
  return upper ? [Math.cos(angle) - 0.5, Math.sin(angle) - 0.25, 0.08] : [0.5 - Math.cos(angle), 0.25 - Math.sin(angle), 0.08];
});

export const DATA = {
  mixture: {name: "Mixture of five", components: circle(5, 1, 0.12)},
  spiral: {name: "Spiral", components: spiral(48)},
  moons: {name: "Two moons", components: moons(32)},
};

export const SAMPLERS = {
  ancestral: "Algorithm 2 (ancestral)",
  ddim: "DDIM (probability flow)",
  heun: "Heun (second order)",
};

const S = 0.008;
const alphaBar = (u) => (Math.cos((((u + S) / (1 + S)) * Math.PI) / 2) / Math.cos(((S / (1 + S)) * Math.PI) / 2)) ** 2;

/** Return {signal, sigma} at time u: 0 is the data, 1 nearly pure noise. */
export function levelAt(u) {
  const share = Math.min(1, Math.max(1e-4, alphaBar(u)));
  return {signal: Math.sqrt(share), sigma: Math.sqrt(1 - share)};
}

/** Return responsibilities, means and variances of the mixture's components in x_t. */
function posteriors(data, {signal, sigma}, x, y) {
  const logs = data.map(([mx, my, s]) => {
    const variance = (signal * s) ** 2 + sigma ** 2;
    const distance = (x - signal * mx) ** 2 + (y - signal * my) ** 2;
    return {mx, my, s, variance, log: -distance / (2 * variance) - Math.log(TAU * variance)};
  });
  const top = Math.max(...logs.map((one) => one.log));
  const total = logs.reduce((sum, one) => sum + Math.exp(one.log - top), 0);
  return {logs, top, total};
}

/** Return the density of x_t. */
export function density(data, level, x, y) {
  const {top, total} = posteriors(data, level, x, y);
  return (Math.exp(top) * total) / data.length;
}

/** Return E[x0 | x_t], the answer of a perfect network. */
export function denoise(data, level, x, y) {
  const {logs, top, total} = posteriors(data, level, x, y);
  const result = [0, 0];
  for (const {mx, my, s, variance, log} of logs) {
    const weight = Math.exp(log - top) / total;
    const gain = (level.signal * s * s) / variance;
    result[0] += weight * (mx + gain * (x - level.signal * mx));
    result[1] += weight * (my + gain * (y - level.signal * my));
  }
  return result;
}

/** Return the gradient of the log-density of x_t: (signal E[x0 | x_t] - x_t) / sigma². */
export function score(data, level, x, y) {
  const [x0, y0] = denoise(data, level, x, y);
  const variance = Math.max(level.sigma ** 2, 1e-9);
  return [(level.signal * x0 - x) / variance, (level.signal * y0 - y) / variance];
}

/** Return a generator of standard normal numbers (mulberry32, Box-Muller). */
export function normals(seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(TAU * uniform());
}

const STEPS = {
  /** Ho et al. 2020, Algorithm 2 with Eq. 6-7 between any two levels. */
  ancestral(data, from, to, point, normal) {
    const x0 = denoise(data, from, ...point);
    const ratio = from.signal / to.signal;
    const forward = from.sigma ** 2 - ratio ** 2 * to.sigma ** 2;
    const share = to.sigma ** 2 / from.sigma ** 2;
    const deviation = Math.sqrt(Math.max(0, forward * share));
    return point.map((x, i) => ratio * share * x + (to.signal * forward) / from.sigma ** 2 * x0[i] + deviation * normal());
  },
  /** Song et al. 2021 (DDIM), Eq. 12 without noise. */
  ddim(data, from, to, point) {
    const x0 = denoise(data, from, ...point);
    return point.map((x, i) => to.signal * x0[i] + (to.sigma * (x - from.signal * x0[i])) / from.sigma);
  },
  /** Karras et al. 2022, Algorithm 1, in y = x / signal and s = sigma / signal. */
  heun(data, from, to, point) {
    const euler = STEPS.ddim(data, from, to, point);
    if (to.sigma < 1e-6) return euler;
    const slope = (level, x) => {
      const x0 = denoise(data, level, ...x);
      return x.map((one, i) => (one / level.signal - x0[i]) / (level.sigma / level.signal));
    };
    const [first, second] = [slope(from, point), slope(to, euler)];
    const width = to.sigma / to.signal - from.sigma / from.signal;
    return point.map((x, i) => to.signal * (x / from.signal + (width * (first[i] + second[i])) / 2));
  },
};

/** Return the levels of `steps` steps: times from 1 to 0, ending at the data. */
export function levels(steps) {
  return Array.from({length: steps + 1}, (_, i) => (i === steps ? {signal: 1, sigma: 0} : levelAt(1 - i / steps)));
}

/** Return the paths of `count` points from noise to data. Point i has its own noise, the same for every sampler. */
export function samplePaths({data, sampler, steps, count, seed}) {
  const path = levels(steps);
  return Array.from({length: count}, (_, index) => {
    const normal = normals(seed * 1000 + index);
    const points = [[normal(), normal()]];
    for (let i = 0; i < steps; i += 1) points.push(STEPS[sampler](data, path[i], path[i + 1], points[i], normal));
    return points;
  });
}
