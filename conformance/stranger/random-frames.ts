/** Numbers that come again for the same seed, so that a failure can be repeated (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
}

const HOSTILE = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\u0000',
  '\\ud800',
  '1e999',
  '-0',
  'null',
  'true',
  '\ufeff',
  '\u202e',
  '👋',
  '"__proto__":',
  '"constructor":',
  "' OR 1=1 --",
  '../../',
  '%00',
  '\n',
  '99999999999999999999',
] as const;

const NAMES = [
  'channel',
  'content',
  'text',
  'format',
  'id',
  'data',
  'limit',
  'typing',
  'channels',
  '__proto__',
  'x',
] as const;

/** A frame that may or may not be one: a damaged good one, random JSON, or noise. */
export function randomFrame(random: Random, good: readonly [string, ...string[]]): string {
  const kind = random.below(100);
  if (kind < 60) return damaged(random, random.pick(good));
  if (kind < 85) return randomCommand(random, good);
  if (kind < 97) return noise(random, 1 + random.below(200));
  return large(random);
}

export function damaged(random: Random, text: string): string {
  let result = text;
  for (let times = 1 + random.below(3); times > 0; times--) result = damage(random, result);
  return result;
}

function damage(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const length = random.below(12);
  const kind = random.below(4);
  if (kind === 0) return text.slice(0, at) + text.slice(at + length);
  if (kind === 1) return text.slice(0, at) + random.pick(HOSTILE) + text.slice(at);
  if (kind === 2) return text.slice(0, at) + text.slice(at, at + length) + text.slice(at);
  return text.slice(0, at) + noise(random, 1) + text.slice(at + 1);
}

function randomCommand(random: Random, good: readonly [string, ...string[]]): string {
  const { command, type } = JSON.parse(random.pick(good)) as { command?: string; type?: string };
  return JSON.stringify({ command, type, data: randomValue(random, 4), [random.pick(NAMES)]: randomValue(random, 2) });
}

export function randomValue(random: Random, depth: number): unknown {
  const kind = random.below(depth > 0 ? 9 : 6);
  if (kind === 0) return null;
  if (kind === 1) return random.below(2) === 0;
  if (kind === 2) return random.below(2 ** 31) - 2 ** 30;
  if (kind < 6) return random.pick([...HOSTILE, '#general', 'msg_12345', 'x'.repeat(random.below(300))]);
  const count = random.below(5);
  if (kind === 6) return Array.from({ length: count }, () => randomValue(random, depth - 1));
  return Object.fromEntries(Array.from({ length: count }, () => [random.pick(NAMES), randomValue(random, depth - 1)]));
}

export function noise(random: Random, length: number): string {
  return Array.from({ length }, () => String.fromCodePoint(random.below(0xd7ff))).join('');
}

export function large(random: Random): string {
  const open = random.pick(['[', '{"a":', '"', ' ', '{"command":"send_message","data":{"content":{"text":"']);
  return open.repeat(1 + Math.floor(random.below(20_000) / open.length));
}
