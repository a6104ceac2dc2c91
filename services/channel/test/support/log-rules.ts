import type { Entry } from '@dcp/contracts';
import { expect } from '@jest/globals';

/** `seq` counts from 1 without a gap, and no id stands twice. */
export function expectGapless(log: Entry[]): void {
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i + 1));
  expect(new Set(log.map(({ id }) => id)).size).toBe(log.length);
}

/** What a receiver makes of what it heard: repeats dropped by `seq`, the rest in order of `seq`. */
export function receivedInOrder(heard: Entry[]): Entry[] {
  return [...new Map(heard.map((entry) => [entry.seq, entry])).values()].sort((a, b) => a.seq - b.seq);
}

/** What an author has written, in the order of the log. */
export function textsOf(log: { body: string }[], author: string): (string | undefined)[] {
  return log
    .map(({ body }) => JSON.parse(body) as { author: string; content: { text?: string } })
    .filter((message) => message.author === author && message.content.text !== undefined)
    .map(({ content }) => content.text);
}
