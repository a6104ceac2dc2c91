import { beforeAll, describe, expect, it } from '@jest/globals';
import { generateEd25519KeyPair, generateX25519KeyPair, ready } from '@dcp/crypto';
import { DcpError, type PostAck, type SignedMessage } from '@dcp/protocol';
import { signPlain, writeMessage } from '../channels/compose.js';
import type { Device } from '../session/device.js';
import { MemoryStorage } from '../storage/storage.js';
import { Outbox, type Outcome } from './outbox.js';

const CHANNEL = `ch_${'a'.repeat(52)}`;
let device: Device;

beforeAll(async () => {
  await ready();
  const { seed } = generateEd25519KeyPair();
  const { privateKey } = generateX25519KeyPair();
  device = { id: 'dev_aaaaaaaaaaaaaaaa', userId: 'n0000000.alice', seed, exchangeKey: privateKey };
});

const message = (text: string) => writeMessage(device, CHANNEL, { text });
const ack = ({ id }: SignedMessage): PostAck => ({ message_id: id, seq: 1, timestamp: '', state: 'ordered' });

function boxOver(storage: MemoryStorage, send: (message: SignedMessage) => Promise<PostAck>) {
  const outcomes: { id: string; outcome: Outcome }[] = [];
  const box = new Outbox(storage, {
    send,
    prepare: async (written) => signPlain(device, written, 'test/1'),
    beforeRetry: async () => undefined,
    onOutcome: ({ id }, outcome) => outcomes.push({ id, outcome }),
  });
  return { box, outcomes };
}

describe('Outbox', () => {
  it('sends in order and forgets what the node has answered', async () => {
    const storage = new MemoryStorage();
    const sent: string[] = [];
    const { box, outcomes } = boxOver(storage, async (one) => {
      sent.push(one.id);
      return ack(one);
    });
    const messages = ['a', 'b', 'c'].map(message);
    for (const one of messages) await box.add(one);
    await box.flush();
    expect(sent).toEqual(messages.map(({ id }) => id));
    expect(outcomes).toHaveLength(3);
    expect(await storage.keys('outbox/')).toEqual([]);
  });

  it('[DCP-14.3-02] keeps what could not be sent, over a restart too, and sends the same bytes again', async () => {
    const storage = new MemoryStorage();
    const tried: SignedMessage[] = [];
    const away = boxOver(storage, async (one) => {
      tried.push(one);
      throw new DcpError('NODE_UNREACHABLE');
    });
    const first = message('a');
    await away.box.add(first);
    await away.box.flush();
    expect(away.outcomes).toEqual([]);

    const later: SignedMessage[] = [];
    const { box, outcomes } = boxOver(storage, async (one) => {
      later.push(one);
      return ack(one);
    });
    await box.load();
    await box.flush();
    expect(later).toEqual(tried);
    expect(outcomes).toMatchObject([{ id: first.id, outcome: { sent: { message_id: first.id } } }]);
  });

  it('[DCP-14.3-05] a protocol error is final: one attempt, then the user hears of it', async () => {
    let attempts = 0;
    const { box, outcomes } = boxOver(new MemoryStorage(), async () => {
      attempts++;
      throw new DcpError('INVALID_MESSAGE_FORMAT');
    });
    await box.add(message('a'));
    await box.flush();
    expect(attempts).toBe(1);
    expect(outcomes).toMatchObject([{ outcome: { failed: { code: 'INVALID_MESSAGE_FORMAT' } } }]);
    expect(box.size).toBe(0);
  });

  it('signs again under a new time what has waited too long, with the same id', async () => {
    const sent: SignedMessage[] = [];
    const { box, outcomes } = boxOver(new MemoryStorage(), async (one) => {
      sent.push(one);
      if (sent.length === 1) throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'clock_skew' });
      return ack(one);
    });
    const old = writeMessage(device, CHANNEL, { text: 'late' }, new Date(Date.now() - 3_600_000));
    await box.add(old);
    await box.flush();
    expect(sent.map(({ id }) => id)).toEqual([old.id, old.id]);
    expect(sent[1]?.signature).not.toBe(sent[0]?.signature);
    expect(Date.parse(sent[1]?.timestamp ?? '')).toBeGreaterThan(Date.parse(old.timestamp));
    expect(outcomes).toMatchObject([{ outcome: { sent: { message_id: old.id } } }]);
  });
});
