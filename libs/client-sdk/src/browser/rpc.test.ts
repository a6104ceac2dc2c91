import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CryptoError } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { RpcAnswerer } from './rpc-answerer.js';
import { RpcCaller } from './rpc-caller.js';
import { MAX_PENDING, type Wire } from './rpc.js';

let channel: MessageChannel;
let caller: RpcCaller;
let answerer: RpcAnswerer;
let events: [string, unknown][];
let heard: () => void;
let open: (result: string) => void;

beforeEach(() => {
  channel = new MessageChannel();
  events = [];
  heard = () => undefined;
  caller = new RpcCaller(channel.port1 as unknown as Wire, (event, payload) => {
    events.push([event, payload]);
    heard();
  });
  answerer = new RpcAnswerer(channel.port2 as unknown as Wire, {
    add: (a: number, b: number) => a + b,
    wait: () =>
      new Promise<string>((resolve) => {
        open = resolve;
      }),
    refuse: () => Promise.reject(new DcpError('CONFLICT', { reason: 'in_use', list: [1] }, 'taken')),
    crypto: () => {
      throw new CryptoError('wrong_passphrase', 'no');
    },
    secret: () => Promise.reject(new Error('the passphrase is hunter2')),
  });
});

afterEach(() => {
  channel.port1.close();
  channel.port2.close();
});

describe('calls between page and worker', () => {
  it('give each call its own answer, in whatever order they come', async () => {
    const waiting = caller.call<string>('wait', []);
    expect(await Promise.all([caller.call('add', [1, 2]), caller.call('add', [3, 4])])).toEqual([3, 7]);
    open('late');
    expect(await waiting).toBe('late');
  });

  it('carry errors over with class, code, text and details', async () => {
    const refused = await caller.call('refuse', []).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DcpError);
    expect(refused).toMatchObject({ code: 'CONFLICT', message: 'taken', details: { reason: 'in_use', list: [1] } });
    const crypto = await caller.call('crypto', []).catch((error: unknown) => error);
    expect(crypto).toBeInstanceOf(CryptoError);
    expect(crypto).toMatchObject({ code: 'wrong_passphrase', message: 'no' });
  });

  it('say nothing of an unknown failure but that it was one', async () => {
    const failed = await caller.call('secret', []).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'INTERNAL_ERROR' });
    expect(JSON.stringify([failed, String(failed)])).not.toContain('hunter2');
  });

  it('reach only what is on the list', async () => {
    for (const name of ['none', 'constructor', 'toString', '__proto__'])
      await expect(caller.call(name, [])).rejects.toMatchObject({ details: { reason: 'unknown_method' } });
  });

  it('reject at once what cannot be cloned, and more calls than may wait', async () => {
    await expect(caller.call('add', [() => 1])).rejects.toThrow();
    const waiting = Array.from({ length: MAX_PENDING }, () => caller.call('wait', []).catch(() => undefined));
    await expect(caller.call('add', [1, 2])).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { reason: 'too_many_pending' },
    });
    caller.end(new DcpError('INTERNAL_ERROR', { reason: 'closed' }));
    await Promise.all(waiting);
  });

  it('are all refused when the worker has ended', async () => {
    const waiting = caller.call('wait', []);
    caller.end(new DcpError('INTERNAL_ERROR', { reason: 'worker_failed' }));
    for (const call of [waiting, caller.call('add', [1, 2])])
      await expect(call).rejects.toMatchObject({ details: { reason: 'worker_failed' } });
  });

  it('and events come in their order', async () => {
    const two = new Promise<void>((resolve) => {
      heard = () => events.length === 2 && resolve();
    });
    answerer.tell('state', 'online');
    answerer.tell('message', { seq: 1 });
    await two;
    expect(events).toEqual([
      ['state', 'online'],
      ['message', { seq: 1 }],
    ]);
  });
});
