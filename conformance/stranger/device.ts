import { expect } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Actor } from './actor.js';
import { ExchangeKey, KemKey } from './agreement-keys.js';
import { type IdentityWish, randomName } from './identity-file.js';
import { type Dict, jcs } from './json.js';
import { Key } from './keys.js';
import type { NodeUnderTest } from './node-under-test.js';

/** One entry of a user's device log, signed by the identity key. */
export interface DeviceEntry extends Dict {
  user_id: string;
  seq: number;
  prev: string | null;
  action: 'add' | 'revoke';
  device: string;
  signature: string;
}

/** SHA-256 of the whole entry, signature included: what the next one names. */
export function entryHash(entry: object): string {
  return `sha256:${createHash('sha256').update(jcs(entry)).digest('hex')}`;
}

export function newDeviceId(): string {
  return `dev_${randomName(16)}`;
}

export type PrekeyKind = 'signed' | 'one-time' | 'kem' | 'kem-last-resort';

/** A prekey as it is published, and its private half. */
export interface OwnPrekey {
  published: Dict & { id: number; kind: PrekeyKind; key: string };
  exchange?: ExchangeKey;
  kem?: KemKey;
}

/** A person's device with a key of its own: it signs messages, state entries and prekeys, and receives key messages. */
export class Device extends Actor {
  readonly exchange = new ExchangeKey();
  /** The log entry that added it. */
  entry: DeviceEntry | undefined;

  /** A new account with one device, logged in as that device. */
  static async signUpDevice(node: NodeUnderTest, wish: IdentityWish = {}): Promise<Device> {
    return await Device.of(await Actor.register(node, wish));
  }

  /** A further device of somebody who is logged in; at another gateway than the one before. */
  static async of(owner: Actor, more: Dict = {}): Promise<Device> {
    const device = new Device(owner.node, owner.node.url(), owner.identityKey, owner.file);
    device.key = new Key();
    device.device = newDeviceId();
    device.entry = await appendEntry(owner, { ...device.certificateMembers(), ...more });
    await device.login();
    return device;
  }

  certificateMembers(): Dict {
    return {
      action: 'add',
      device: this.device,
      name: 'phone',
      signing_key: this.key.publicKey,
      exchange_key: this.exchange.publicKey,
      capabilities: ['text', 'ml-kem-768'],
    };
  }

  get id(): string {
    return this.device ?? '';
  }

  get reference(): { user_id: string; device: string } {
    return { user_id: this.userId, device: this.id };
  }

  /** A signed prekey of this device. */
  prekey(kind: PrekeyKind, id: number, epoch = 1, changes: Dict = {}): OwnPrekey {
    const pair = kind.startsWith('kem') ? { kem: new KemKey() } : { exchange: new ExchangeKey() };
    const key = (pair.kem ?? pair.exchange)?.publicKey ?? '';
    const created = new Date().toISOString();
    const prekey = { ...this.reference, epoch, kind, id, key, created, ...changes };
    return { published: { ...prekey, signature: this.key.signObject('PREKEY', prekey) }, ...pair };
  }

  /** A signed prekey, a last resort, and so many one-time ones of each kind. */
  stock(count: number, epoch = 1): OwnPrekey[] {
    const lasting = [this.prekey('signed', 1, epoch), this.prekey('kem-last-resort', 1, epoch)];
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const oneTime = ids.flatMap((id) => [this.prekey('one-time', id, epoch), this.prekey('kem', id + 1, epoch)]);
    return [...lasting, ...oneTime];
  }
}

/** What the node knows of the log. */
export async function deviceLog(reader: Actor, userId = reader.userId): Promise<DeviceEntry[]> {
  const { status, body } = await reader.rest.get<{ entries: DeviceEntry[] }>(`/users/${userId}/devices`);
  expect(status).toBe(200);
  return body.entries;
}

/** The next entry of a person's log, signed; nothing of it has been sent. */
export async function nextEntry(owner: Actor, members: Dict): Promise<DeviceEntry> {
  const last = (await deviceLog(owner)).at(-1);
  const place = { seq: (last?.seq ?? 0) + 1, prev: last === undefined ? null : entryHash(last) };
  const entry = { user_id: owner.userId, ...place, created: new Date().toISOString(), ...members };
  return { ...entry, signature: owner.identityKey.signObject('DEVICE', entry) } as unknown as DeviceEntry;
}

async function appendEntry(owner: Actor, members: Dict): Promise<DeviceEntry> {
  const entry = await nextEntry(owner, members);
  const { status, body } = await owner.rest.post('/auth/devices', { entry });
  expect({ status, body }).toMatchObject({ status: 201, body: { seq: entry.seq, hash: entryHash(entry) } });
  return entry;
}

/** From any session of the same person. */
export async function revokeDevice(owner: Actor, { device }: Device): Promise<DeviceEntry> {
  return await appendEntry(owner, { action: 'revoke', device });
}
