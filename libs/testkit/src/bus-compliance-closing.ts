import { describe, expect, it } from '@jest/globals';
import type { Rpc, Topic } from '@dcp/node-kit';
import type { House } from './bus-compliance.js';
import { rejection } from './bus-compliance-request.js';

const slow: Rpc<number, number> = { subject: 'slow.work' };
const news: Topic<number> = { subject: 'news' };

export function closingCompliance(house: House): void {
  describe('close', () => {
    it('is connected, then closed, and may be closed twice', async () => {
      const bus = await house().connect();
      expect(bus.state).toBe('connected');
      await bus.close();
      await bus.close();
      expect(bus.state).toBe('closed');
    });

    it('lets running handlers finish and sends their answers', async () => {
      const bus = await house().connect();
      let release = () => {};
      let entered = () => {};
      const running = new Promise<void>((resolve) => (entered = resolve));
      const released = new Promise<void>((resolve) => (release = resolve));
      bus.serve(
        slow,
        async (input) => {
          entered();
          await released;
          return input + 1;
        },
        'servers',
      );
      await bus.flush();
      const answer = bus.request(slow, 1);
      await running;
      const closing = bus.close();
      release();
      expect(await answer).toBe(2);
      await closing;
    });

    it('handles what was published before it', async () => {
      const bus = await house().connect();
      const heard: number[] = [];
      bus.subscribe(news, (payload) => void heard.push(payload));
      await bus.flush();
      bus.publish(news, 1);
      await bus.close();
      expect(heard).toEqual([1]);
    });

    it('fails waiting and later requests, drops later payloads, refuses later subscriptions', async () => {
      const bus = await house().connect();
      bus.subscribe({ subject: slow.subject }, () => {});
      await bus.flush();
      const waiting = rejection(bus.request(slow, 1, { timeoutMs: 60_000 }));
      await bus.close();
      expect((await waiting).details).toEqual({ reason: 'disconnected' });
      expect((await rejection(bus.request(slow, 1))).details).toEqual({ reason: 'disconnected' });
      expect((await rejection(bus.flush())).details).toEqual({ reason: 'disconnected' });
      expect(() => bus.publish(news, 1)).not.toThrow();
      expect(() => bus.subscribe(news, () => {})).toThrow('unavailable');
      expect(() => bus.serve(slow, (input) => input, 'servers')).toThrow('unavailable');
    });
  });
}
