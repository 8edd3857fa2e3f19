// The noise and the labels of a seed, equal to those of ddpm (randomness.py) up to float rounding.

// MT19937 (Matsumoto & Nishimura 1998), seeded like torch.Generator: by the lowest 32 bits.
export class Mt19937 {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = Number(BigInt.asUintN(32, BigInt(seed)));
    for (let i = 1; i < 624; i++) {
      const previous = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, previous) + i;
    }
    this.index = 624;
  }

  next() {
    if (this.index === 624) this.refill();
    let y = this.state[this.index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  refill() {
    const s = this.state;
    for (let i = 0; i < 624; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
      s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.index = 0;
  }
}

// The next torch.randn(size) of a generator, for size >= 16: uniforms of 24 bits, then Box-Muller on blocks of 16,
// the last one drawn again.
export function normal(generator, size) {
  const uniform = () => (generator.next() & 0xffffff) / 16777216;
  const values = Float32Array.from({ length: size }, uniform);
  for (let start = 0; start + 16 <= size; start += 16) boxMuller(values, start);
  if (size % 16) {
    for (let i = size - 16; i < size; i++) values[i] = uniform();
    boxMuller(values, size - 16);
  }
  return values;
}

function boxMuller(values, start) {
  for (let i = start; i < start + 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[i]));
    const angle = 2 * Math.PI * values[i + 8];
    values[i] = radius * Math.cos(angle);
    values[i + 8] = radius * Math.sin(angle);
  }
}

const GOLDEN_RATIO = 0x9e3779b97f4a7c15n; // (√5 - 1) / 2 in units of 2^-64

// The class into whose share of the data the multiple of the golden ratio falls (sampling/labels.py, choose_labels).
export function labelOf(seed, counts) {
  const total = BigInt(counts.reduce((a, b) => a + b, 0));
  let rest = Number((BigInt.asUintN(64, BigInt(seed) * GOLDEN_RATIO) * total) >> 64n);
  return counts.findIndex((count) => (rest -= count) < 0);
}
