import { fromBase64, SenderKey, toBase64, type SenderKeyStart } from '@dcp/crypto';
import type { Storage } from '../storage/storage.js';
import { addressKey, type DeviceAddress } from './pair-sessions.js';

const PREFIX = 'e2ee/own/';
const OLD_PREFIX = 'e2ee/own-old/';
/** How long a key that was replaced can still be handed over again to those who had it. */
const KEEP_OLD_MS = 7 * 86_400_000;

/** This device's sender key for one channel. Plain data: it is stored as it is. */
export interface OwnKey {
  channelId: string;
  keyId: string;
  epoch: number;
  created: number;
  /** The chain at its next message. */
  state: string;
  /** The chain at every message from which on somebody has it, for handing it over again; empty where no history is kept. */
  starts: Record<string, string>;
  /** From which message on each device has it. */
  handed: Record<string, number>;
  /** From which message on devices may have it that could not be reached yet. */
  owed: Record<string, number>;
  /** How many devices each member had revoked when the key was made; those that had none are left out. */
  revoked?: Record<string, number>;
  /** DM: the other side has written since our last message. */
  answered?: boolean;
}

/** The sender keys of this device: one live key a channel, and those of the last week for whoever asks again. */
export class OwnSenderKeys {
  private readonly cache = new Map<string, OwnKey | null>();

  constructor(
    private readonly storage: Storage,
    private readonly keepStart: boolean,
    private readonly now: () => number,
  ) {}

  async current(channelId: string): Promise<OwnKey | undefined> {
    let key = this.cache.get(channelId);
    if (key === undefined) {
      key = (await this.storage.get<OwnKey>(PREFIX + channelId)) ?? null;
      this.cache.set(channelId, key);
    }
    return key ?? undefined;
  }

  /** A new key; the old one is put aside. Nothing has it yet. */
  async rotate(channelId: string, epoch: number, revoked: Record<string, number>): Promise<OwnKey> {
    const old = await this.current(channelId);
    const chain = SenderKey.create(this.now());
    const key: OwnKey = {
      channelId,
      keyId: chain.keyId,
      epoch,
      created: this.now(),
      state: toBase64(chain.serialize()),
      starts: this.keepStart ? { 0: toBase64(chain.start().chainKey) } : {},
      handed: {},
      owed: {},
      revoked,
    };
    chain.wipe();
    const changes = new Map<string, unknown>([[PREFIX + channelId, key]]);
    if (old !== undefined) changes.set(OLD_PREFIX + old.keyId, old);
    await this.storage.apply(changes);
    this.cache.set(channelId, key);
    return key;
  }

  /** Notes from which message on who has the key, and who should have it but could not be reached. */
  async handedTo(key: OwnKey, given: ReadonlyMap<string, number>, reached: ReadonlySet<string>): Promise<void> {
    for (const [address, n] of given) {
      if (reached.has(address)) {
        key.handed[address] = n;
        delete key.owed[address];
      } else key.owed[address] = n;
    }
    const { n, chainKey } = chainOf(key).start();
    if (this.keepStart && [...given.values()].includes(n)) key.starts[n] = toBase64(chainKey);
    await this.save(key);
  }

  async save(key: OwnKey): Promise<void> {
    await this.storage.set(PREFIX + key.channelId, key);
    this.cache.set(key.channelId, key);
  }

  /** Not used again; those who had it can still ask for it. */
  async retire(channelId: string): Promise<void> {
    const old = await this.current(channelId);
    this.cache.set(channelId, null);
    if (old === undefined) return;
    const changes: [string, unknown][] = [
      [PREFIX + channelId, undefined],
      [OLD_PREFIX + old.keyId, old],
    ];
    await this.storage.apply(new Map(changes));
  }

  /** By id, the replaced ones of the last week included. */
  async byId(channelId: string, keyId: string): Promise<OwnKey | undefined> {
    const current = await this.current(channelId);
    if (current?.keyId === keyId) return current;
    const old = await this.storage.get<OwnKey>(OLD_PREFIX + keyId);
    return old?.channelId === channelId ? old : undefined;
  }

  /** Old keys go after a week. */
  async sweep(): Promise<void> {
    const changes = new Map<string, unknown>();
    for (const name of await this.storage.keys(OLD_PREFIX)) {
      const old = await this.storage.get<OwnKey>(name);
      if (old !== undefined && this.now() - old.created > KEEP_OLD_MS + 86_400_000) changes.set(name, undefined);
    }
    await this.storage.apply(changes);
  }

  /** After a restored backup: no key of the other copy is used again, but who had one can still ask for it. */
  async retireAll(): Promise<void> {
    this.cache.clear();
    const changes = new Map<string, unknown>();
    for (const name of await this.storage.keys(PREFIX)) {
      const key = await this.storage.get<OwnKey>(name);
      if (key !== undefined) changes.set(OLD_PREFIX + key.keyId, key);
      changes.set(name, undefined);
    }
    await this.storage.apply(changes);
  }
}

/** The chain of a key at its next message. */
export function chainOf(key: OwnKey): SenderKey {
  return SenderKey.deserialize(fromBase64(key.state));
}

/** What a device is handed again that had the key from message `n` on; undefined where that was not kept. */
export function startAgain(key: OwnKey, n: number): SenderKeyStart | undefined {
  const chain = key.starts[n];
  return chain === undefined ? undefined : { keyId: key.keyId, n, chainKey: fromBase64(chain) };
}

/** From which message on a user may have the key: what one of his devices has, all of them may have. */
export function entitledFrom(key: OwnKey, userId: string): number | undefined {
  const all = [...Object.entries(key.handed), ...Object.entries(key.owed)];
  const own = all.filter(([address]) => address.startsWith(`${userId}/`)).map(([, n]) => n);
  return own.length === 0 ? undefined : Math.min(...own);
}

export function hasKey(key: OwnKey, address: DeviceAddress): boolean {
  return key.handed[addressKey(address)] !== undefined;
}
