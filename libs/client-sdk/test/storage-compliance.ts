import type { Storage } from '../src/storage/storage.js';

/** Where a storage under test lives; it needs no test runner, so that it works inside a browser's page too. */
export interface StorageHouse {
  /** An empty storage. */
  fresh(): Promise<Storage>;
  /** The same storage as after a restart; undefined for one that forgets. */
  reopened?(storage: Storage): Promise<Storage>;
}

export interface StorageCase {
  title: string;
  /** Rejects when the storage misbehaves. */
  run(house: StorageHouse): Promise<void>;
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const SHAPES: unknown[] = [
  { text: 'täglich\n\t"x"', list: [1, null, { deep: [true] }] },
  'text',
  '',
  0,
  -1.5,
  false,
  null,
  [],
  '\u2028 \u{1f600}',
];

const restart = async (house: StorageHouse, storage: Storage) => (await house.reopened?.(storage)) ?? storage;

/** What every storage does alike. */
export const STORAGE_CASES: readonly StorageCase[] = [
  {
    title: 'gives back values of any shape, also after a restart, and nothing for what was never set',
    run: async (house) => {
      let storage = await house.fresh();
      for (const [i, shape] of SHAPES.entries()) await storage.set(`shape/${i}`, shape);
      storage = await restart(house, storage);
      for (const [i, shape] of SHAPES.entries()) same(await storage.get(`shape/${i}`), shape, `shape ${i}`);
      same(await storage.get('shape/none'), undefined, 'a key that was never set');
    },
  },
  {
    title: 'keeps JSON, not the object: what its owner changes later, and members without a value, are not in it',
    run: async (house) => {
      const storage = await house.fresh();
      const value = { list: [1], gone: undefined, when: new Date(0) };
      await storage.set('a', value);
      value.list.push(2);
      same(await storage.get('a'), { list: [1], when: '1970-01-01T00:00:00.000Z' }, 'the value');
      const [one, two] = [await storage.get('a'), await storage.get('a')];
      same(one === two, false, 'one object given out twice');
    },
  },
  {
    title: 'applies a batch: sets, overwrites and deletes together; undefined deletes in `set` too',
    run: async (house) => {
      let storage = await house.fresh();
      await storage.set('a', 1);
      await storage.set('b', 1);
      await storage.apply(
        new Map<string, unknown>([
          ['a', undefined],
          ['b', 2],
          ['c', 3],
          ['never', undefined],
        ]),
      );
      await storage.apply(new Map());
      await storage.set('c', undefined);
      await storage.delete('never');
      storage = await restart(house, storage);
      same(
        [await storage.get('a'), await storage.get('b'), await storage.get('c')],
        [undefined, 2, undefined],
        'values',
      );
      same(await storage.keys(''), ['b'], 'keys');
    },
  },
  {
    title: 'a batch with a value that is no JSON changes nothing at all',
    run: async (house) => {
      const storage = await house.fresh();
      const loop: Record<string, unknown> = {};
      loop['self'] = loop;
      const refused = await storage
        .apply(
          new Map<string, unknown>([
            ['good', 1],
            ['bad', loop],
          ]),
        )
        .then(
          () => false,
          () => true,
        );
      same(refused, true, 'refused');
      same(await storage.keys(''), [], 'keys');
      await storage.set('after', 1);
      same(await storage.get('after'), 1, 'a write after it');
    },
  },
  {
    title: 'lists the keys of a prefix, sorted by UTF-16 units, and of no other',
    run: async (house) => {
      const storage = await house.fresh();
      const names = [
        'a',
        'a/',
        'a/1',
        'a/10',
        'a/2',
        'a/ä',
        'a/\uffff',
        'a/\uffff\uffff',
        'a/\u{1f600}',
        'a0',
        'b',
        '',
      ];
      await storage.apply(new Map(names.map((name) => [name, 1])));
      for (const prefix of ['', 'a', 'a/', 'a/1', 'a/\uffff', 'z'])
        same(await storage.keys(prefix), names.filter((name) => name.startsWith(prefix)).sort(), `below "${prefix}"`);
    },
  },
  {
    title: 'takes writes that overlap, the later one last, and shows each writer its own',
    run: async (house) => {
      const storage = await house.fresh();
      const writes = Array.from({ length: 50 }, async (_, i) => {
        await storage.apply(
          new Map([
            ['last', i],
            [`n/${i}`, i],
          ]),
        );
        same(await storage.get(`n/${i}`), i, `write ${i}`);
      });
      await Promise.all(writes);
      same(await storage.get('last'), 49, 'the last write');
      same((await storage.keys('n/')).length, 50, 'keys');
    },
  },
  {
    title: 'holds a thousand keys in one batch, and a value of two megabytes',
    run: async (house) => {
      let storage = await house.fresh();
      await storage.apply(new Map(Array.from({ length: 1_000 }, (_, i) => [`k/${i}`, { i }])));
      await storage.set('big', 'x'.repeat(2_000_000));
      storage = await restart(house, storage);
      same((await storage.keys('k/')).length, 1_000, 'keys');
      same((await storage.get<string>('big'))?.length, 2_000_000, 'the big value');
    },
  },
];
