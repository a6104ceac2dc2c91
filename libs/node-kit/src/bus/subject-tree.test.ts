import { describe, expect, it } from '@jest/globals';
import { array, assert, boolean, constant, constantFrom, oneof, property, tuple } from 'fast-check';
import { SubjectTree } from './subject-tree.js';

const word = constantFrom('a', 'b', 'c');
const subject = array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('.'));
const pattern = tuple(array(oneof(word, constant('*')), { minLength: 1, maxLength: 4 }), boolean()).map(
  ([words, tail]) => [...words, ...(tail ? ['>'] : [])].join('.'),
);

/** The rule said another way: a regular expression for each pattern. */
function hears(pattern: string, subject: string): boolean {
  const source = pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace(/>$/, '.+');
  return new RegExp(`^${source}$`).test(subject);
}

describe('SubjectTree', () => {
  it('finds exactly the patterns that hear a subject', () => {
    assert(
      property(array(pattern, { maxLength: 12 }), subject, (patterns, subject) => {
        const tree = new SubjectTree<number>();
        patterns.forEach((each, index) => tree.add(each, index));
        const expected = patterns.flatMap((each, index) => (hears(each, subject) ? [index] : []));
        expect(tree.match(subject).sort((a, b) => a - b)).toEqual(expected);
      }),
    );
  });

  it('forgets what was removed, and nothing else', () => {
    assert(
      property(array(tuple(pattern, boolean()), { maxLength: 12 }), subject, (entries, subject) => {
        const tree = new SubjectTree<number>();
        entries.forEach(([each], index) => tree.add(each, index));
        entries.forEach(([each, goes], index) => void (goes && tree.remove(each, index)));
        const expected = entries.flatMap(([each, goes], index) => (!goes && hears(each, subject) ? [index] : []));
        expect(tree.match(subject).sort((a, b) => a - b)).toEqual(expected);
      }),
    );
  });

  it('hears everything with > alone, until it is cleared', () => {
    const tree = new SubjectTree<string>();
    tree.add('>', 'all');
    tree.add('a.b', 'one');
    expect(tree.match('a.b')).toEqual(['all', 'one']);
    tree.clear();
    expect(tree.match('a.b')).toEqual([]);
  });
});
