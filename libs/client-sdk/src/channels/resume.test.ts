import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DcpError } from '@dcp/protocol';
import { MemoryStorage } from '../storage/storage.js';
import { ChannelSet } from './channel-set.js';
import { Resumption } from './resume.js';

/** Longer than any pause between two tries. */
const PAUSE_MS = 40_000;

type Refused = Record<string, string>;

let channels: ChannelSet;
let asked: Record<string, number>[];
/** What the node answers to one `resume` after the other; then it takes up everything. */
let answers: (Refused | DcpError | Promise<Refused>)[];
let resumption: Resumption;

beforeEach(() => {
  jest.useFakeTimers();
  channels = new ChannelSet(new MemoryStorage(), {
    readHistory: () => Promise.resolve({ messages: [], last_seq: null, has_more: false }),
    deliver: () => undefined,
    pendingSeq: () => undefined,
  });
  for (const name of ['x', 'y', 'z']) channels.add(`ch_${name}`, `#${name}`, 5, false);
  [asked, answers] = [[], []];
  resumption = new Resumption({ command: resume as never }, channels);
});
afterEach(() => void jest.useRealTimers());

async function resume(_command: string, data: { channels: Record<string, number> }): Promise<{ refused: Refused }> {
  asked.push(data.channels);
  const answer = answers.shift() ?? {};
  if (answer instanceof DcpError) throw answer;
  return { refused: await answer };
}

const hear = (channelId: string, seq: number) =>
  channels.handle({ event: 'message_hidden', data: { channel: '#', channel_id: channelId, seq } });

describe('Resumption', () => {
  it('asks again for what the node could not look after, from where it stands then, until it is heard', async () => {
    answers = [
      { ch_x: 'MAINTENANCE_MODE', ch_y: 'NODE_UNREACHABLE' },
      { ch_x: 'INTERNAL_ERROR', ch_y: 'SOMETHING_NEW' },
      { ch_y: 'RATE_LIMITED' },
    ];
    await resumption.start();
    hear('ch_x', 6);
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect(asked).toEqual([{ ch_x: 5, ch_y: 5, ch_z: 5 }, { ch_x: 6, ch_y: 5 }, { ch_x: 6, ch_y: 5 }, { ch_y: 5 }]);
  });

  it('leaves what is refused for good', async () => {
    answers = [
      { ch_x: 'INSUFFICIENT_PERMISSIONS', ch_y: 'CHANNEL_NOT_FOUND', ch_z: 'MAINTENANCE_MODE' },
      { ch_z: 'CHANNEL_NOT_FOUND' },
    ];
    await resumption.start();
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect(asked.slice(1)).toEqual([{ ch_z: 5 }]);
  });

  it('does not ask for a channel that was left, nor for one that it never named', async () => {
    answers = [{ ch_x: 'MAINTENANCE_MODE', ch_y: 'MAINTENANCE_MODE', ch_other: 'MAINTENANCE_MODE' }];
    await resumption.start();
    channels.remove('ch_x');
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked.slice(1)).toEqual([{ ch_y: 5 }]);
  });

  it('a try that fails as a whole is followed by another; one that is refused for good is not', async () => {
    answers = [
      { ch_x: 'MAINTENANCE_MODE' },
      new DcpError('MAINTENANCE_MODE', { reason: 'timeout' }),
      new DcpError('INVALID_MESSAGE_FORMAT'),
    ];
    await resumption.start();
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect(asked.slice(1)).toEqual([{ ch_x: 5 }, { ch_x: 5 }]);
  });

  it('asks ever more rarely, but goes on', async () => {
    answers = Array.from({ length: 100 }, () => ({ ch_x: 'MAINTENANCE_MODE' }));
    await resumption.start();
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    const before = asked.length;
    expect(before).toBeLessThan(25);
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked.length).toBeGreaterThan(before);
    expect(jest.getTimerCount()).toBe(1);
  });

  it('whoever starts is told that the node refuses it as a whole, and nothing goes on behind him', async () => {
    answers = [new DcpError('MAINTENANCE_MODE')];
    await expect(resumption.start()).rejects.toMatchObject({ code: 'MAINTENANCE_MODE' });
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked).toHaveLength(1);
  });

  it('ends with its connection, whatever is still answered then', async () => {
    let answer = (_refused: Refused) => {};
    const late = () => new Promise<Refused>((resolve) => (answer = resolve));
    answers = [late()];
    const started = resumption.start();
    resumption.stop();
    answer({ ch_x: 'MAINTENANCE_MODE' });
    await started;
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked).toHaveLength(1);

    answers = [{ ch_x: 'MAINTENANCE_MODE' }, late()];
    await resumption.start();
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    resumption.stop();
    answer({ ch_x: 'MAINTENANCE_MODE' });
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked).toHaveLength(3);
  });

  it('a new connection takes over: one line of tries, not two', async () => {
    answers = Array.from({ length: 4 }, () => ({ ch_x: 'MAINTENANCE_MODE' }));
    await resumption.start();
    await resumption.start();
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect(asked.slice(2)).toEqual([{ ch_x: 5 }, { ch_x: 5 }, { ch_x: 5 }]);
  });
});
