import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { createContext, runInContext, type Context } from 'node:vm';

const MISSING = `
for (const name of ['at', 'findLast', 'toSorted', 'toReversed']) delete Array.prototype[name];
for (const name of ['at', 'isWellFormed']) delete String.prototype[name];
delete Object.getPrototypeOf(Uint8Array.prototype).at;
delete Object.hasOwn; delete URL.canParse; delete AbortSignal.timeout;
`;

/** Each is run in a world without these functions, after the polyfills, and in one of today: they must not differ. */
const SAME = [
  '[[1, 2, 3].at(0), [1, 2, 3].at(-1), [1, 2, 3].at(3), [1].at(), [1, 2].at(1.9), [1, 2].at(NaN)]',
  '["abc".at(-2), new Uint8Array([7, 8]).at(-1)]',
  '[1, 2, 3, 4].findLast((n) => n % 2 === 1)',
  '[1].findLast(() => false)',
  '[10, 9, 1].toSorted()',
  '[10, 9, 1].toSorted((a, b) => a - b)',
  '(() => { const list = [3, 1, 2]; list.toSorted(); list.toReversed(); return list; })()',
  '[1, 2, 3].toReversed()',
  '["a", "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\ude00\\ud83d", "a\\ud83db", ""].map((text) => text.isWellFormed())',
  '[Object.hasOwn({ a: 1 }, "a"), Object.hasOwn({}, "toString"), Object.hasOwn(Object.create(null), "a")]',
  '[URL.canParse("https://a.example"), URL.canParse("/a"), URL.canParse("/a", "https://b.example")]',
  'Object.keys([]).concat(Object.keys(Object), (() => { const names = []; for (const name in []) names.push(name); return names; })())',
];

let script: string;
beforeAll(async () => {
  const source = await readFile(join(import.meta.dirname, 'polyfills.ts'), 'utf8');
  script = stripTypeScriptTypes(source);
});

/** A world of its own: deleting there harms nobody else. */
function world(): Context {
  const context = createContext({ setTimeout });
  runInContext(
    `globalThis.URL = class URL { constructor(url, base) { this.parsed = parse(url, base); } };
     globalThis.AbortController = class {
       signal = { aborted: false };
       abort() { this.signal.aborted = true; this.signal.onabort(); }
     };
     globalThis.AbortSignal = class AbortSignal {};`,
    Object.assign(context, { parse: (url: string, base?: string) => new URL(url, base).href }),
  );
  return context;
}

const run = (context: Context, code: string) => JSON.stringify(runInContext(code, context));

describe('polyfills', () => {
  it('[DCP-15.1-02] do what the functions do that they stand in for', () => {
    const old = world();
    runInContext(MISSING, old);
    expect(() => run(old, '[1].at(0)')).toThrow();
    runInContext(script, old);
    const present = createContext({ URL });
    for (const code of SAME) expect([code, run(old, code)]).toEqual([code, run(present, code)]);
  });

  it('leave alone what is there', () => {
    const present = createContext({ URL });
    const before = runInContext(
      '[Array.prototype.at, Object.hasOwn, String.prototype.isWellFormed]',
      present,
    ) as unknown[];
    runInContext(script, present);
    const after = runInContext(
      '[Array.prototype.at, Object.hasOwn, String.prototype.isWellFormed]',
      present,
    ) as unknown[];
    expect(after.every((one, i) => one === before[i])).toBe(true);
  });

  it('a signal that times out, and not before', async () => {
    const old = world();
    runInContext(script, old);
    const signal = runInContext('AbortSignal.timeout(20)', old) as { aborted: boolean; onabort: () => void };
    expect(signal.aborted).toBe(false);
    await new Promise<void>((resolve) => {
      signal.onabort = resolve;
    });
    expect(signal.aborted).toBe(true);
  });
});
