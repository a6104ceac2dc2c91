import { describe, expect, it } from '@jest/globals';
import { History } from './history.js';

function historyOf(seen: [client: string, seq: number, id: string][], acked: [id: string, seq: number][]) {
  const history = new History();
  for (const client of new Set(seen.map(([name]) => name))) history.follows(client, 'ch', 0);
  for (const [client, seq, id] of seen) history.saw(client, 'ch', seq, id);
  for (const [id, seq] of acked) history.acknowledge('ch', id, seq);
  return history;
}

const rules = (history: History) => history.check().map(({ rule }) => rule);

describe('History', () => {
  it('has nothing against a good run', () => {
    const history = historyOf(
      [
        ['a', 1, 'x'],
        ['a', 2, 'y'],
        ['b', 1, 'x'],
        ['b', 2, 'y'],
      ],
      [
        ['x', 1],
        ['y', 2],
      ],
    );
    expect(rules(history)).toEqual([]);
    expect(history.behind()).toEqual([]);
  });

  it('finds what was acknowledged and lost', () => {
    const history = historyOf(
      [
        ['a', 1, 'x'],
        ['b', 2, 'y'],
      ],
      [
        ['x', 1],
        ['y', 2],
      ],
    );
    expect(rules(history)).toEqual(['lost', 'lost']);
    expect(history.behind()).toEqual(['a', 'b']);
  });

  it('finds what came twice', () => {
    expect(
      rules(
        historyOf(
          [
            ['a', 1, 'x'],
            ['a', 1, 'x'],
          ],
          [],
        ),
      ),
    ).toEqual(['twice', 'order']);
  });

  it('finds two orders', () => {
    expect(
      rules(
        historyOf(
          [
            ['a', 2, 'y'],
            ['a', 1, 'x'],
          ],
          [],
        ),
      ),
    ).toEqual(['order']);
    expect(
      rules(
        historyOf(
          [
            ['a', 1, 'x'],
            ['b', 2, 'x'],
          ],
          [],
        ),
      ),
    ).toEqual(['moved']);
    expect(rules(historyOf([['a', 3, 'x']], [['x', 1]]))).toEqual(['moved']);
  });

  it('does not ask of a client what was there before it came', () => {
    const history = historyOf([['a', 1, 'x']], [['x', 1]]);
    history.follows('late', 'ch', 1);
    expect(rules(history)).toEqual([]);
  });
});
