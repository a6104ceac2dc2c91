import { describe, expect, it } from '@jest/globals';
import { MemoryStorage } from '../storage/storage.js';
import { ChannelSet } from './channel-set.js';

const HANDLERS = {
  readHistory: () => Promise.resolve({ messages: [], last_seq: null, has_more: false }),
  deliver: () => undefined,
  pendingSeq: () => undefined,
};

class FullStorage extends MemoryStorage {
  full = true;
  override async apply(changes: ReadonlyMap<string, unknown>): Promise<void> {
    if (this.full) throw new Error('the disk is full');
    await super.apply(changes);
  }
}

describe('ChannelSet', () => {
  it('a client that dies right after it has joined goes on where it joined', async () => {
    const storage = new MemoryStorage();
    const channels = new ChannelSet(storage, HANDLERS);
    channels.add('ch_x', '#x', 7, true);
    await channels.storeNew();
    const next = new ChannelSet(storage, HANDLERS);
    await next.load();
    expect(next.positions()).toEqual({ ch_x: 7 });
    expect(next.isEncrypted('ch_x')).toBe(true);
  });

  it('writes at once only what is new', async () => {
    const storage = new MemoryStorage();
    const channels = new ChannelSet(storage, HANDLERS);
    channels.add('ch_x', '#x', 7, false);
    await channels.storeNew();
    channels.add('ch_x', '#x', 9, false);
    await storage.delete('channels');
    await channels.storeNew();
    expect(await storage.get('channels')).toBeUndefined();
  });

  it('a storage that fails is told to who waits, and tried again', async () => {
    const storage = new FullStorage();
    const channels = new ChannelSet(storage, HANDLERS);
    channels.add('ch_x', '#x', 7, false);
    await expect(channels.storeNew()).rejects.toThrow('full');
    // The timer of the writes must not end the process either.
    const unheard: unknown[] = [];
    const note = (error: unknown) => unheard.push(error);
    process.on('unhandledRejection', note);
    channels.add('ch_y', '#y', 1, false);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    process.off('unhandledRejection', note);
    expect(unheard).toEqual([]);
    storage.full = false;
    await channels.storeNew();
    expect(await storage.get('channels')).toMatchObject({ ch_x: { seq: 7 } });
  });
});
