/**
 * What the SDK and its dependencies use of the language's library that the oldest browsers of §15.1 (Chrome and Edge 90, Firefox 88,
 * Safari 14) lack, each only where it is missing. Syntax is the bundler's business (page/bundles.mjs).
 */

/** With the `u` flag a pair is one character, so that only half of one matches. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function atIndex(this: ArrayLike<unknown>, index = 0): unknown {
  const whole = Math.trunc(index) || 0;
  return this[whole < 0 ? this.length + whole : whole];
}

function findLast(this: unknown[], matches: (value: unknown, index: number, all: unknown[]) => unknown): unknown {
  for (let i = this.length - 1; i >= 0; i--) if (matches(this[i], i, this)) return this[i];
  return undefined;
}

function toSorted(this: unknown[], compare?: (a: unknown, b: unknown) => number): unknown[] {
  return Array.from(this).sort(compare);
}

function toReversed(this: unknown[]): unknown[] {
  return Array.from(this, (_, i) => this[this.length - 1 - i]);
}

function isWellFormed(this: string): boolean {
  return !LONE_SURROGATE.test(this);
}

function hasOwn(object: object, key: PropertyKey): boolean {
  return Object.prototype.hasOwnProperty.call(object, key);
}

function canParse(url: string, base?: string): boolean {
  try {
    return Boolean(new URL(url, base));
  } catch {
    return false;
  }
}

/** Its reason is an AbortError in these browsers; nobody here looks at it. */
function timeout(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
}

function fill(target: object, gaps: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(gaps))
    if (!(name in target)) Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;

fill(Array.prototype, { at: atIndex, findLast, toSorted, toReversed });
fill(typedArray, { at: atIndex });
fill(String.prototype, { at: atIndex, isWellFormed });
fill(Object, { hasOwn });
// A test's bare world has neither.
if (typeof URL !== 'undefined') fill(URL, { canParse });
if (typeof AbortSignal !== 'undefined') fill(AbortSignal, { timeout });
