import { KEYS, type Session } from '@dcp/contracts';
import {
  formatKey,
  generateEd25519KeyPair,
  generateX25519KeyPair,
  randomBytes,
  type SecretBytes,
  signDigest,
  toBase32,
  toBase64,
} from '@dcp/crypto';
import {
  type ClaimedKeys,
  type DeviceReference,
  type KeyMessage,
  type KeyStock,
  type Prekey,
  type QueuePage,
  type SentKeys,
  signingInput,
} from '@dcp/protocol';
import type { World } from './world.js';

/** A device with a session, as its client would act. */
export interface Owner extends DeviceReference {
  session: Session;
  seed: SecretBytes;
}

let drawn = 0;

export function owner(changes: { user_id?: string; session?: Partial<Session> } = {}): Owner {
  const { publicKey, seed } = generateEd25519KeyPair();
  const user_id = changes.user_id ?? `abcd1234.user-${String(++drawn)}`;
  const device = `dev_${toBase32(randomBytes(10))}`;
  const key = formatKey('ed25519', publicKey);
  const session_id = `ses_${toBase32(randomBytes(10))}`;
  const plain = { session_id, user_id, device, key, account_type: 'standard' as const, admin: false };
  return { user_id, device, session: { ...plain, ...changes.session }, seed };
}

/** Of the right length for its kind: the node looks no further. */
export function keyFor(kind: Prekey['kind']): string {
  if (kind.startsWith('kem')) return `ml-kem-768:${toBase64(randomBytes(1_184))}`;
  return formatKey('x25519', generateX25519KeyPair().publicKey);
}

export function prekey(of: Owner, kind: Prekey['kind'], id: number, changes: Partial<Prekey> = {}): Prekey {
  const { user_id, device, seed } = of;
  const created = '2026-01-01T00:00:00.000Z';
  const unsigned = { user_id, device, epoch: 0, kind, id, key: keyFor(kind), created, ...changes };
  return { ...unsigned, signature: signDigest(seed, signingInput('PREKEY', unsigned)) };
}

/** What a new device publishes: what lasts, and `stock` one-time prekeys of each kind. */
export function firstPrekeys(of: Owner, stock: number, changes: Partial<Prekey> = {}): Prekey[] {
  const ids = Array.from({ length: stock }, (_, at) => at + 1);
  return [
    prekey(of, 'signed', 1, changes),
    prekey(of, 'kem-last-resort', 1, changes),
    ...ids.flatMap((id) => [prekey(of, 'one-time', id, changes), prekey(of, 'kem', id, changes)]),
  ];
}

export function publish(world: World, of: Owner, prekeys: unknown[], epoch = 0): Promise<KeyStock> {
  return world.bus.request(KEYS.publish, { session: of.session, epoch, prekeys: prekeys as Prekey[] });
}

export function claim(world: World, by: Owner, ...devices: DeviceReference[]): Promise<ClaimedKeys> {
  return world.bus.request(KEYS.claim, { session: by.session, devices: devices.map(reference) });
}

/** A device that others can reach. */
export async function reachable(world: World, stock = 0, changes?: Parameters<typeof owner>[0]): Promise<Owner> {
  const one = owner(changes);
  await publish(world, one, firstPrekeys(one, stock));
  return one;
}

export function message(to: DeviceReference, changes: Partial<KeyMessage> = {}): KeyMessage {
  return { ...reference(to), id: toBase32(randomBytes(10)), body: toBase64(randomBytes(30)), ...changes };
}

export function send(world: World, by: Owner, ...messages: unknown[]): Promise<SentKeys> {
  return world.bus.request(KEYS.send, { session: by.session, messages: messages as KeyMessage[] });
}

export function fetch(world: World, of: Owner, after = 0, limit = 64): Promise<QueuePage> {
  return world.bus.request(KEYS.fetch, { session: of.session, after, limit });
}

export async function acknowledge(world: World, of: Owner, up_to: number): Promise<number> {
  return (await world.bus.request(KEYS.acknowledge, { session: of.session, up_to })).left;
}

export function reference({ user_id, device }: DeviceReference): DeviceReference {
  return { user_id, device };
}
