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

// The class of a seed: by the frequency of the classes in the data (sampling/labels.py, choose_labels).
export function labelOf(seed, counts) {
  const total = BigInt(counts.reduce((a, b) => a + b, 0));
  let rest = Number(derivedSeed(`${seed}/label`) % total);
  return counts.findIndex((count) => (rest -= count) < 0);
}

// The first 8 bytes of the SHA-256 of a text, little-endian, without the lowest bit.
export function derivedSeed(text) {
  const digest = sha256(new TextEncoder().encode(text));
  return new DataView(digest.buffer).getBigUint64(0, true) >> 1n;
}

const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((p) => n % p)) PRIMES.push(n);
const fraction = (x) => Math.floor((x - Math.floor(x)) * 4294967296);
const ROUNDS = PRIMES.map((p) => fraction(Math.cbrt(p)));

// SHA-256 (FIPS 180-4). crypto.subtle is missing in some browsers for pages opened from disk.
export function sha256(bytes) {
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, bytes.length * 8);
  const hash = Uint32Array.from(PRIMES.slice(0, 8), (p) => fraction(Math.sqrt(p)));
  const w = new Uint32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (hash[i] += value));
  }
  const digest = new Uint8Array(32);
  hash.forEach((value, i) => new DataView(digest.buffer).setUint32(4 * i, value));
  return digest;
}
