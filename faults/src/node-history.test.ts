import { describe, expect, it } from '@jest/globals';
import { NodeHistory, type Place } from './node-history.js';

const CHANNEL = 'ch';
const log = (...ids: string[]): Place[] => ids.map((id, at) => ({ id, seq: at + 1 }));

interface Story {
  /** What the client `a` of the node `n` was told; default: everything in the log. */
  seen?: Place[];
  n?: Place[];
  s?: Place[];
  tell?: (history: NodeHistory) => void;
}

/** A run of two nodes with three entries in which all is well but what is told otherwise. */
function rules({ n = log('x', 'y', 'z'), s = n, seen = n, tell }: Story): string[] {
  const history = new NodeHistory();
  history.follows('a', CHANNEL, 0);
  for (const place of seen) history.saw('a', CHANNEL, place);
  history.log('n', CHANNEL, n);
  history.log('s', CHANNEL, s);
  tell?.(history);
  return [...new Set(history.check().map(({ rule }) => rule))];
}

describe('NodeHistory', () => {
  it('has nothing against a good run', () => {
    const tell = (history: NodeHistory) => {
      history.ordered('a', CHANNEL, { id: 'x', seq: 1 });
      history.wasQueued('b', CHANNEL, 'y');
      history.refused('b', CHANNEL, 'w', 'not_member');
    };
    expect(rules({ tell })).toEqual([]);
  });

  it('finds what was ordered and is lost, at either node', () => {
    const tell = (history: NodeHistory) => history.ordered('a', CHANNEL, { id: 'w', seq: 4 });
    expect(rules({ tell })).toEqual(['lost']);
    const last = (history: NodeHistory) => history.ordered('a', CHANNEL, { id: 'z', seq: 3 });
    expect(rules({ s: log('x', 'y'), tell: last })).toEqual(['lost', 'diverged']);
  });

  it('finds what a client was never told', () => {
    expect(rules({ seen: log('x', 'y') })).toEqual(['lost']);
    expect(rules({ seen: log('x', 'y', 'z').slice(1) })).toEqual(['gap', 'lost']);
  });

  it('finds a post that was queued and of which nothing was heard again', () => {
    expect(rules({ tell: (history) => history.wasQueued('b', CHANNEL, 'w') })).toEqual(['unresolved']);
  });

  it('finds a post that was ordered although it was refused', () => {
    expect(rules({ tell: (history) => history.refused('b', CHANNEL, 'x', 'stale_state') })).toEqual(['contradicted']);
  });

  it('finds what came twice', () => {
    expect(rules({ seen: [...log('x', 'y', 'z'), { id: 'z', seq: 3 }] })).toEqual(['twice', 'order']);
    expect(rules({ n: log('x', 'y', 'x') })).toEqual(['twice']);
  });

  it('finds two orders', () => {
    expect(rules({ s: log('y', 'x', 'z') })).toEqual(['diverged']);
    expect(rules({ seen: log('y', 'x', 'z') })).toEqual(['moved']);
    expect(rules({ tell: (history) => history.ordered('a', CHANNEL, { id: 'y', seq: 1 }) })).toEqual(['moved']);
  });

  it('finds a gap in a log', () => {
    expect(rules({ n: [...log('x', 'y'), { id: 'z', seq: 4 }] })).toEqual(['gap']);
  });

  it('finds what could never be read', () => {
    const seen = log('x', 'y');
    const tell = (history: NodeHistory) => history.saw('a', CHANNEL, { id: 'z', seq: 3 }, 'b');
    expect(rules({ seen, tell })).toEqual(['unread']);
    const healed = (history: NodeHistory) => {
      tell(history);
      history.read('a', CHANNEL, 3);
    };
    expect(rules({ seen, tell: healed })).toEqual([]);
  });

  it('asks for a log before it believes anything', () => {
    const history = new NodeHistory();
    history.ordered('a', CHANNEL, { id: 'x', seq: 1 });
    expect(history.check().map(({ rule }) => rule)).toEqual(['lost']);
  });

  it('does not ask of a client what was there before it came', () => {
    const tell = (history: NodeHistory) => history.follows('late', CHANNEL, 3);
    expect(rules({ tell })).toEqual([]);
  });

  it('says who still waits for what', () => {
    const history = new NodeHistory();
    history.follows('a', CHANNEL, 0);
    history.wasQueued('b', CHANNEL, 'x');
    expect(history.pending()).toEqual(['a in ch misses 1, cannot read 0']);
    history.saw('a', CHANNEL, { id: 'x', seq: 1 }, 'b');
    expect(history.pending()).toEqual(['a in ch misses 0, cannot read 1']);
    expect([...history.lateKeys]).toEqual([['b', 1]]);
    history.read('a', CHANNEL, 1);
    expect(history.pending()).toEqual([]);
    history.follows('late', CHANNEL, 1);
    expect(history.pending()).toEqual([]);
  });
});
