import {
  formatKey,
  fromBase64,
  generateMlKemKeyPair,
  generateX25519KeyPair,
  signDigest,
  toBase64,
  type PrekeySecrets,
} from '@dcp/crypto';
import { LOW_PREKEYS, signingInput, type KeyStock, type Prekey } from '@dcp/protocol';
import type { Device } from '../session/device.js';
import type { Storage } from '../storage/storage.js';
import type { NodePort } from './node-port.js';
import { Serial } from './serial.js';

const STORE_KEY = 'e2ee/prekeys';
/** One-time prekeys of each kind that are published at once, and below which the stock is filled up. */
const FULL_STOCK = 60;
/** Private halves kept of each kind, those under way included. */
const MAX_KEPT = 300;
const WEEK_MS = 7 * 86_400_000;
/** A signed prekey serves this long after it was made: two weeks beside its successor, for first messages that were under way. */
const GRACE_MS = 3 * WEEK_MS;
/** Of one `publish_keys`: KEM keys are large, and a frame is not. */
const PUBLISHED_AT_ONCE = 24;

interface Reusable {
  id: number;
  secret: string;
  created: number;
}

/** Private halves, base64; one record, so that it is always whole. */
interface StoredPrekeys {
  epoch: number;
  nextId: number;
  signed: Reusable[];
  kemLastResort: Reusable[];
  oneTime: Record<string, string>;
  kem: Record<string, string>;
}

/** A device's prekeys: made here, published, replaced weekly, deleted when a first message used them (profile §5). */
export class OwnPrekeys {
  private stored: StoredPrekeys | undefined;
  private readonly line = new Serial();

  constructor(
    private readonly device: Device,
    private readonly storage: Storage,
    private readonly node: NodePort,
    private readonly now: () => number,
    /** This storage is an old copy: whatever else it holds must not be used again either. */
    private readonly onOldCopy: () => Promise<void>,
  ) {}

  /** Compares with the node's stock and publishes what is missing or due. */
  maintain(): Promise<void> {
    return this.line.run(async () => {
      const prekeys = await this.load();
      const stock = await this.stockOrNewEpoch(prekeys);
      const fresh = [...this.rotate(prekeys, stock), ...this.refill(prekeys, stock)];
      if (fresh.length === 0) return;
      // Written down first: a prekey without its private half would lose a first message.
      await this.save(prekeys);
      for (let at = 0; at < fresh.length; at += PUBLISHED_AT_ONCE)
        await this.publish(prekeys.epoch, fresh.slice(at, at + PUBLISHED_AT_ONCE));
    });
  }

  /** A restored backup: the private halves of the old stock may be in two places, so all of it is void. */
  voidStock(): Promise<void> {
    return this.line.run(async () => this.renew(await this.load()));
  }

  private async renew(prekeys: StoredPrekeys, atLeast = 0): Promise<void> {
    Object.assign(prekeys, { ...emptyPrekeys(), epoch: Math.max(prekeys.epoch + 1, atLeast), nextId: prekeys.nextId });
    await this.save(prekeys);
  }

  get epoch(): number {
    return this.stored?.epoch ?? 0;
  }

  /** For a first message that names this epoch; another epoch's prekeys are gone. */
  async secrets(): Promise<PrekeySecrets> {
    const { signed, kemLastResort, oneTime, kem } = await this.load();
    const reusable = (list: Reusable[], id: number) => list.find((one) => one.id === id)?.secret;
    const bytes = (text: string | undefined) => (text === undefined ? undefined : fromBase64(text));
    return {
      signed: (id) => bytes(reusable(signed, id)),
      oneTime: (id) => bytes(oneTime[id]),
      kem: (id) => bytes(kem[id] ?? reusable(kemLastResort, id)),
    };
  }

  /** The private halves that a first message used up. Returns the record to be written with the session. */
  async spend(used: { oneTime?: number; kem?: number }): Promise<[string, unknown]> {
    const prekeys = await this.load();
    if (used.oneTime !== undefined) delete prekeys.oneTime[used.oneTime];
    if (used.kem !== undefined) delete prekeys.kem[used.kem];
    return [STORE_KEY, prekeys];
  }

  /** The storage's older state holds again. */
  discard(): void {
    this.stored = undefined;
  }

  /** The node knows a later epoch than this storage: the storage is an old copy, so its stock is void. */
  private async stockOrNewEpoch(prekeys: StoredPrekeys): Promise<KeyStock> {
    const stock = await this.publish(prekeys.epoch, []).catch((error: unknown) => {
      const later = (error as { details?: { reason?: unknown; epoch?: unknown } }).details;
      if (later?.reason !== 'old_epoch') throw error;
      return { epoch: Number(later.epoch), one_time: 0, kem: 0 };
    });
    if (stock.epoch > prekeys.epoch) {
      await this.onOldCopy();
      await this.renew(prekeys, stock.epoch + 1);
      return await this.publish(prekeys.epoch, []);
    }
    return stock;
  }

  private publish(epoch: number, prekeys: Prekey[]): Promise<KeyStock> {
    return this.node.command<KeyStock>('publish_keys', { epoch, prekeys });
  }

  /** Weekly: a new signed prekey and a new last resort; those that nobody can hold any more are deleted. */
  private rotate(prekeys: StoredPrekeys, stock: KeyStock): Prekey[] {
    const now = this.now();
    const newest = Math.max(...prekeys.signed.map(({ created }) => created), 0);
    if (now - newest < WEEK_MS && stock.epoch === prekeys.epoch && prekeys.signed.length > 0) return [];
    prekeys.signed = prekeys.signed.filter(({ created }) => now - created < GRACE_MS);
    prekeys.kemLastResort = prekeys.kemLastResort.filter(({ created }) => now - created < GRACE_MS);
    const signed = this.make(prekeys, 'signed');
    const kem = this.make(prekeys, 'kem-last-resort');
    prekeys.signed.push({ id: signed.prekey.id, secret: signed.secret, created: now });
    prekeys.kemLastResort.push({ id: kem.prekey.id, secret: kem.secret, created: now });
    return [signed.prekey, kem.prekey];
  }

  private refill(prekeys: StoredPrekeys, stock: KeyStock): Prekey[] {
    return [
      ...this.fill(prekeys, 'one-time', prekeys.oneTime, stock.one_time),
      ...this.fill(prekeys, 'kem', prekeys.kem, stock.kem),
    ];
  }

  private fill(
    prekeys: StoredPrekeys,
    kind: 'one-time' | 'kem',
    kept: Record<string, string>,
    there: number,
  ): Prekey[] {
    if (there >= LOW_PREKEYS) return [];
    dropOldest(kept);
    return Array.from({ length: FULL_STOCK - there }, () => {
      const { prekey, secret } = this.make(prekeys, kind);
      kept[prekey.id] = secret;
      return prekey;
    });
  }

  private make(prekeys: StoredPrekeys, kind: Prekey['kind']): { prekey: Prekey; secret: string } {
    const { key, secret } = kind.startsWith('kem') ? newKem() : newX25519();
    const unsigned = {
      user_id: this.device.userId,
      device: this.device.id,
      epoch: prekeys.epoch,
      kind,
      id: prekeys.nextId++,
      key,
      created: new Date(this.now()).toISOString(),
    };
    const signature = signDigest(this.device.seed, signingInput('PREKEY', unsigned));
    return { prekey: { ...unsigned, signature }, secret };
  }

  private async load(): Promise<StoredPrekeys> {
    this.stored ??= (await this.storage.get<StoredPrekeys>(STORE_KEY)) ?? emptyPrekeys();
    return this.stored;
  }

  private save(prekeys: StoredPrekeys): Promise<void> {
    return this.storage.set(STORE_KEY, prekeys);
  }
}

/** Prekeys that were handed out and never used would otherwise pile up. */
function dropOldest(kept: Record<string, string>): void {
  const ids = Object.keys(kept).sort((a, b) => Number(a) - Number(b));
  for (const id of ids.slice(0, Math.max(0, ids.length - MAX_KEPT))) delete kept[id];
}

function emptyPrekeys(): StoredPrekeys {
  return { epoch: 0, nextId: 1, signed: [], kemLastResort: [], oneTime: {}, kem: {} };
}

function newX25519(): { key: string; secret: string } {
  const { publicKey, privateKey } = generateX25519KeyPair();
  return { key: formatKey('x25519', publicKey), secret: toBase64(privateKey.reveal()) };
}

function newKem(): { key: string; secret: string } {
  const { publicKey, seed } = generateMlKemKeyPair();
  return { key: formatKey('ml-kem-768', publicKey), secret: toBase64(seed.reveal()) };
}
