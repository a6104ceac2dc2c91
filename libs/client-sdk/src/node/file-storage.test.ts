import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { FileStorage } from './file-storage.js';

let folder: string;
let storage: FileStorage;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dcp-storage-'));
  storage = new FileStorage(folder);
});
afterEach(async () => {
  await storage.close();
  await rm(folder, { recursive: true, force: true });
});

async function reopened(): Promise<FileStorage> {
  await storage.close();
  storage = new FileStorage(folder);
  return storage;
}

const log = () => join(folder, 'store.log');

describe('FileStorage', () => {
  it('keeps values of any shape over a restart, and forgets what was deleted', async () => {
    await storage.set('a/1', { text: 'täglich\n\t"x"', list: [1, null] });
    await storage.apply(
      new Map<string, unknown>([
        ['a/2', 'two'],
        ['b', false],
        ['a/1', undefined],
      ]),
    );
    const again = await reopened();
    expect(await again.get('a/1')).toBeUndefined();
    expect([await again.get('a/2'), await again.get('b')]).toEqual(['two', false]);
    expect(await again.keys('a/')).toEqual(['a/2']);
  });

  it('holds what a map would hold, whatever is done in whatever order, with restarts in between', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'ä\n');
    const value = fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('apply' as const), changes: fc.dictionary(key, value, { maxKeys: 3 }) }),
      fc.record({ kind: fc.constant('reopen' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const expected = new Map<string, unknown>();
        await storage.apply(new Map((await storage.keys('')).map((name) => [name, undefined])));
        for (const one of steps) {
          if (one.kind === 'reopen') await reopened();
          else await storage.apply(new Map(Object.entries(one.changes)));
          for (const [name, wanted] of Object.entries('changes' in one ? one.changes : {}))
            if (wanted === undefined) expected.delete(name);
            else expected.set(name, JSON.parse(JSON.stringify(wanted)));
          for (const name of ['a', 'b', 'c', 'ä\n']) expect(await storage.get(name)).toEqual(expected.get(name));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('a batch that a crash cut in two is not there at all; everything before it is', async () => {
    await storage.set('before', 1);
    const whole = (await stat(log())).size;
    await storage.apply(
      new Map([
        ['x', 1],
        ['y', 2],
      ]),
    );
    const after = (await stat(log())).size;
    await storage.close();
    for (let size = after - 1; size >= whole; size -= 7) {
      await truncate(log(), size);
      const again = new FileStorage(folder);
      expect([await again.get('before'), await again.get('x'), await again.get('y')]).toEqual([
        1,
        undefined,
        undefined,
      ]);
      await again.close();
    }
  });

  it('what follows a damaged line is cut off, and writing goes on', async () => {
    await storage.set('good', 1);
    await storage.close();
    await appendFile(log(), '0123456789abcdef[["bad",1]]\t2\n');
    const again = await reopened();
    expect(await again.get('bad')).toBeUndefined();
    await again.set('more', 3);
    expect([await (await reopened()).get('good'), await storage.get('more')]).toEqual([1, 3]);
  });

  it('does not grow without bound: what is out of date is dropped', async () => {
    const text = 'x'.repeat(600_000);
    for (let i = 0; i < 20; i++) await storage.set('same', text + i);
    expect((await stat(log())).size).toBeLessThan(6_000_000);
    expect(await (await reopened()).get('same')).toBe(`${text}19`);
  });

  it('belongs to one process at a time, and to the next when that one has died', async () => {
    await storage.set('a', 1);
    await expect(new FileStorage(folder).get('a')).rejects.toMatchObject({ details: { reason: 'in_use' } });
    await storage.close();
    await writeFile(join(folder, 'in-use-by'), '999999999');
    const next = new FileStorage(folder);
    expect(await next.get('a')).toBe(1);
    expect(await readFile(join(folder, 'in-use-by'), 'utf8')).toBe(String(process.pid));
    await next.close();
  });

  it('once closed it stays closed: what is still under way does not take the folder again', async () => {
    await storage.set('a', 1);
    const [under] = await Promise.allSettled([storage.set('b', 2), storage.close()]);
    expect(under.status).toBe('rejected');
    for (const late of [storage.get('a'), storage.set('a', 2), storage.keys('')])
      await expect(late).rejects.toThrow('closed');
    const next = new FileStorage(folder);
    expect(await next.get('a')).toBe(1);
    await next.close();
  });

  it('only its user reads the folder and the file', async () => {
    const inner = join(folder, 'profile');
    const own = new FileStorage(inner);
    await own.set('a', 1);
    expect([(await stat(inner)).mode & 0o777, (await stat(join(inner, 'store.log'))).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    await own.close();
  });
});
