import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Bus, Subscription, Topic } from '@dcp/node-kit';
import type { House } from './bus-compliance.js';

type Heard = [payload: number, subject: string];

const topic = (subject: string): Topic<number> => ({ subject });
const last: Topic<number> = { subject: 'fence.last' };

export function publishCompliance(house: House): void {
  describe('publish and subscribe', () => {
    let bus: Bus;
    let other: Bus;
    beforeEach(async () => {
      bus = await house().connect();
      other = await house().connect();
    });
    afterEach(async () => {
      await bus.close();
      await other.close();
    });

    /** Publishes, then waits for a fence behind it: order makes everything before it delivered. */
    async function publishAll(...payloads: Heard[]): Promise<void> {
      await other.flush();
      const fence = new Promise<void>((resolve) => {
        const subscription = other.subscribe(last, () => {
          subscription.unsubscribe();
          resolve();
        });
      });
      await other.flush();
      for (const [payload, subject] of payloads) bus.publish(topic(subject), payload);
      bus.publish(last, 0);
      await fence;
    }

    function listen(pattern: string, queue?: string): { heard: Heard[]; subscription: Subscription } {
      const heard: Heard[] = [];
      return { heard, subscription: other.subscribe(topic(pattern), (...args) => void heard.push(args), queue) };
    }

    it('delivers a payload and its subject to every subscriber', async () => {
      const [first, second] = [listen('a.b'), listen('a.b')];
      await publishAll([1, 'a.b'], [2, 'a.c']);
      expect([first.heard, second.heard]).toEqual([[[1, 'a.b']], [[1, 'a.b']]]);
    });

    it('never delivers inside publish', async () => {
      const heard: number[] = [];
      bus.subscribe(topic('own'), (payload) => void heard.push(payload));
      await bus.flush();
      bus.publish(topic('own'), 1);
      expect(heard).toEqual([]);
      await bus.flush();
      await publishAll();
      expect(heard).toEqual([1]);
    });

    it('keeps the order of one publisher', async () => {
      const { heard } = listen('order.*');
      const sent = Array.from({ length: 1_000 }, (_, index): Heard => [index, 'order.one']);
      await publishAll(...sent);
      expect(heard).toEqual(sent);
    });

    it('matches exactly one word with *, at any place', async () => {
      const [middle, first, end] = [listen('w.*.z'), listen('*.y.z'), listen('w.y.*')];
      await publishAll([1, 'w.y.z'], [2, 'w.z'], [3, 'w.y.y.z'], [4, 'w.y']);
      for (const { heard } of [middle, first, end]) expect(heard).toEqual([[1, 'w.y.z']]);
    });

    it('matches one or more words with a trailing >', async () => {
      const { heard } = listen('t.>');
      await publishAll([1, 't'], [2, 't.a'], [3, 't.a.b.c'], [4, 'u.a']);
      expect(heard).toEqual([
        [2, 't.a'],
        [3, 't.a.b.c'],
      ]);
    });

    it('gives each payload to one member of a queue group, and to everybody outside of it', async () => {
      const members = [listen('q.one', 'group'), listen('q.one', 'group'), listen('q.*', 'group')];
      const [alone, outside] = [listen('q.one', 'second'), listen('q.one')];
      const sent = Array.from({ length: 300 }, (_, index): Heard => [index, 'q.one']);
      await publishAll(...sent);
      const shared = members.flatMap(({ heard }) => heard).sort(([a], [b]) => a - b);
      expect(shared).toEqual(sent);
      expect(alone.heard).toEqual(sent);
      expect(outside.heard).toEqual(sent);
      for (const { heard } of members) expect(heard.length).toBeGreaterThan(0);
    });

    it('stops delivery at once with unsubscribe, which may be called twice', async () => {
      const { heard, subscription } = listen('gone');
      await publishAll([1, 'gone']);
      bus.publish(topic('gone'), 2);
      subscription.unsubscribe();
      subscription.unsubscribe();
      await publishAll([3, 'gone']);
      expect(heard).toEqual([[1, 'gone']]);
    });

    it('goes on when a handler throws', async () => {
      const heard: number[] = [];
      other.subscribe(topic('fragile'), (payload) => {
        heard.push(payload);
        throw new Error('a broken handler');
      });
      await publishAll([1, 'fragile'], [2, 'fragile']);
      expect(heard).toEqual([1, 2]);
    });

    it('lets a handler subscribe and publish', async () => {
      const { heard } = listen('echo.answer');
      const answered = new Promise<void>((resolve) => void other.subscribe(topic('echo.answer'), () => resolve()));
      other.subscribe(topic('echo.question'), (payload) => {
        other.subscribe(topic('echo.later'), () => {}).unsubscribe();
        other.publish(topic('echo.answer'), payload + 1);
      });
      await publishAll([1, 'echo.question']);
      await answered;
      expect(heard).toEqual([[2, 'echo.answer']]);
    });

    it('carries any JSON value', async () => {
      const values: unknown[] = [null, 0, '', 'ä€😀\u0000', [1, [2]], { a: { b: [null, true] } }, undefined];
      const heard: unknown[] = [];
      other.subscribe({ subject: 'json' } as Topic<unknown>, (payload) => void heard.push(payload));
      await other.flush();
      for (const value of values) bus.publish({ subject: 'json' }, value);
      await bus.flush();
      await publishAll();
      expect(heard).toEqual(values);
    });

    it('refuses what is not a subject', () => {
      const bad = ['', 'a b', 'a.', '.a', 'a..b', 'a\r\nPUB x 0', 'a.*', 'a.>'];
      for (const subject of bad) expect(() => bus.publish(topic(subject), 1)).toThrow('Server internal error');
      for (const pattern of ['', 'a b', 'a.>.b', 'a..b', 'a*']) {
        expect(() => bus.subscribe(topic(pattern), () => {})).toThrow('Server internal error');
      }
    });
  });
}
