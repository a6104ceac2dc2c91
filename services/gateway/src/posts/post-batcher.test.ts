import { describe, expect, it } from '@jest/globals';
import { CHANNEL, type Post, type PostBatch, type PostBatchAnswer, type PostResult } from '@dcp/contracts';
import { createInProcessBus, createMetrics, type Bus } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { gatewayMetrics } from '../metrics.js';
import { PostBatcher } from './post-batcher.js';

const session = {
  session_id: 's',
  user_id: 'n0000000.alice',
  device: null,
  key: 'k',
  account_type: 'standard',
  admin: false,
} as const;

const post = (n: number, channel_id = 'ch_a'): Post => ({ channel_id, session, message: { n } });

const ack = (n: number): PostResult => ({ ok: { message_id: `msg_${n}`, seq: n, timestamp: '', state: 'ordered' } });

const numbers = (batch: PostBatch) => batch.posts.map(({ message }) => message['n'] as number);

function setUp(
  serve: (batch: PostBatch) => Promise<PostBatchAnswer>,
  answerMs = 50,
  giveUpMs = 400,
): { bus: Bus; batcher: PostBatcher } {
  const bus = createInProcessBus();
  bus.serve(CHANNEL.post, serve, 'channel');
  return {
    bus,
    batcher: new PostBatcher(
      bus,
      gatewayMetrics(createMetrics({ service: 'test', processMetrics: false })),
      answerMs,
      giveUpMs,
    ),
  };
}

/** An answer that comes only when the test ends: the bus waits for running handlers when it closes. */
function silence() {
  const { promise, resolve } = Promise.withResolvers<PostBatchAnswer>();
  return { never: () => promise, end: () => resolve({ results: [] }) };
}

describe('PostBatcher', () => {
  it('sends what one loop turn collected as one batch and answers each post', async () => {
    const sizes: number[] = [];
    const { bus, batcher } = setUp(async (batch) => {
      sizes.push(batch.posts.length);
      return { results: numbers(batch).map(ack) };
    });
    const results = await Promise.all([1, 2, 3].map((n) => batcher.post(post(n), 100)));
    expect(results).toEqual([ack(1), ack(2), ack(3)]);
    expect(sizes).toEqual([3]);
    await bus.close();
  });

  it('keeps one batch in flight for a channel, so that nothing overtakes, and sends an unanswered one again first', async () => {
    const seen: number[][] = [];
    let silent = true;
    const { never, end } = silence();
    const { bus, batcher } = setUp(async (batch) => {
      seen.push(numbers(batch));
      if (silent) {
        silent = false;
        return await never();
      }
      return { results: numbers(batch).map(ack) };
    });
    const first = batcher.post(post(1), 100);
    await new Promise((resolve) => setImmediate(resolve));
    const second = batcher.post(post(2), 100);
    expect(await Promise.all([first, second])).toEqual([ack(1), ack(2)]);
    expect(seen).toEqual([[1], [1], [2]]);
    end();
    await bus.close();
  });

  it('bounds a batch by posts and by bytes', async () => {
    const sizes: number[] = [];
    const { bus, batcher } = setUp(async (batch) => {
      sizes.push(batch.posts.length);
      return { results: numbers(batch).map(ack) };
    });
    await Promise.all(Array.from({ length: 600 }, (_, n) => batcher.post(post(n), 10)));
    await Promise.all(Array.from({ length: 3 }, (_, n) => batcher.post(post(n), 200_000)));
    expect(sizes).toEqual([512, 88, 1, 1, 1]);
    await bus.close();
  });

  it('[DCP-14.2-14] says 9001 when nobody answers for long, and what the service refuses at once', async () => {
    const { never, end } = silence();
    const { bus, batcher } = setUp(never, 20, 60);
    expect(await batcher.post(post(1), 100)).toMatchObject({ error: { code: 'MAINTENANCE_MODE' } });
    end();
    await bus.close();
    const refusing = setUp(() => Promise.reject(new DcpError('INVALID_MESSAGE_FORMAT')));
    expect(await refusing.batcher.post(post(1), 100)).toMatchObject({ error: { code: 'INVALID_MESSAGE_FORMAT' } });
    await refusing.batcher.whenIdle();
    await refusing.bus.close();
  });
});
