import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '../metrics/metrics.js';
import type { Topic } from './bus.js';
import { createInProcessBus } from './in-process-bus.js';

const things: Topic<unknown> = { subject: 'things' };

function counted() {
  const metrics = createMetrics({ service: 'test', processMetrics: false });
  const errors = async (kind: string) => (await metrics.text()).match(new RegExp(`kind="${kind}",.*} (\\d+)`))?.[1];
  return { metrics, errors };
}

describe('in-process bus', () => {
  it('passes payloads by reference', async () => {
    const bus = createInProcessBus();
    const payload = { list: [1] };
    const heard = new Promise((resolve) => void bus.subscribe(things, resolve));
    bus.publish(things, payload);
    expect(await heard).toBe(payload);
  });

  it('with freeze, lets nobody change a payload, an input or an answer', async () => {
    const bus = createInProcessBus({ freeze: true });
    const payload = { list: [{ n: 1 }] };
    bus.publish(things, payload);
    expect(() => payload.list.push({ n: 2 })).toThrow(TypeError);
    expect(() => ((payload.list[0] as { n: number }).n = 2)).toThrow(TypeError);
    bus.serve({ subject: 'make' }, () => ({ made: [] as number[] }), 'makers');
    const answer = await bus.request<number, { made: number[] }>({ subject: 'make' }, 1);
    expect(() => answer.made.push(1)).toThrow(TypeError);
  });

  it('with freeze, refuses what NATS could not carry', () => {
    const bus = createInProcessBus({ freeze: true });
    for (const value of [new Date(), new Map(), new Uint8Array(1), 1n, () => {}, { inner: Symbol('x') }]) {
      expect(() => bus.publish(things, value)).toThrow('JSON');
    }
  });

  it('drops and counts what one turn cannot hold', async () => {
    const { metrics, errors } = counted();
    const bus = createInProcessBus({ maxQueued: 3, metrics });
    const heard: unknown[] = [];
    bus.subscribe(things, (payload) => void heard.push(payload));
    for (let index = 0; index < 5; index++) bus.publish(things, index);
    await expect(bus.request({ subject: 'x' }, 1)).rejects.toMatchObject({ details: { reason: 'overloaded' } });
    await bus.flush();
    expect(heard).toEqual([0, 1, 2]);
    expect(await errors('overloaded')).toBe('3');
  });

  it('fails requests beyond its limit at once', async () => {
    const bus = createInProcessBus({ maxPending: 1 });
    let release: (value: number) => void = () => {};
    bus.serve({ subject: 'wait' }, () => new Promise<number>((resolve) => (release = resolve)), 'servers');
    const first = bus.request({ subject: 'wait' }, 1);
    await expect(bus.request({ subject: 'wait' }, 2)).rejects.toMatchObject({ details: { reason: 'overloaded' } });
    await bus.flush();
    release(5);
    expect(await first).toBe(5);
  });

  it('counts timeouts, missing servers and broken handlers', async () => {
    const { metrics, errors } = counted();
    const bus = createInProcessBus({ metrics });
    bus.serve({ subject: 'never' }, () => new Promise(() => {}), 'servers');
    bus.serve(
      { subject: 'broken' },
      () => {
        throw new Error('broken');
      },
      'servers',
    );
    const asked = ['never', 'nobody', 'broken'].map((subject) => bus.request({ subject }, 1, { timeoutMs: 30 }));
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect([await errors('timeout'), await errors('no_responders'), await errors('handler')]).toEqual(['1', '1', '1']);
  });

  it('answers ten thousand requests of one turn', async () => {
    const bus = createInProcessBus();
    bus.serve({ subject: 'n' }, (input: number) => input, 'servers');
    const inputs = Array.from({ length: 10_000 }, (_, index) => index);
    const rpc = { subject: 'n' };
    expect(await Promise.all(inputs.map((input) => bus.request<number, number>(rpc, input)))).toEqual(inputs);
  });
});
