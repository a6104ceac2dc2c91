import {
  CryptoError,
  fromBase64,
  fromUtf8,
  PairSession,
  parseKey,
  randomBytes,
  readEnvelope,
  toBase32,
  toBase64,
  toUtf8,
  verifySigned,
  ed25519PublicKey,
  x25519PublicKey,
  type OwnParty,
  type Party,
  type PrekeyBundle as OpenBundle,
} from '@dcp/crypto';
import {
  DcpError,
  MAX_CLAIM_DEVICES,
  MAX_SEND_KEYS,
  parseKeyPayload,
  signingInput,
  type ClaimedKeys,
  type KeyMessage,
  type KeyPayload,
  type Prekey,
  type PrekeyBundle,
  type QueuedKeys,
  type SentKeys,
} from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { Device } from '../session/device.js';
import type { Storage } from '../storage/storage.js';
import type { DeviceDirectory } from './device-directory.js';
import { deviceAt, liveDevices, type CertifiedDevice } from './device-log.js';
import type { NodePort } from './node-port.js';
import type { OwnPrekeys } from './own-prekeys.js';
import { Serial } from './serial.js';

const PREFIX = 'e2ee/session/';
/** Sessions kept with one device: both sides may begin at the same time, and a reset leaves the old one for what is under way. */
const MAX_SESSIONS = 4;
const MAX_CACHED = 2_000;
/** base64 in one `send_keys`: well below a frame. */
const MAX_SENT_BYTES = 128 * 1024;
/** Received without an answer: an empty message turns the ratchet, so that keys heal in one-way talk too. */
const MAX_OWED = 20;

export interface DeviceAddress {
  userId: string;
  device: string;
}

/** Something for one device. */
export interface Outgoing extends DeviceAddress {
  payload: KeyPayload;
}

/** A queue item, opened. */
export interface Opened {
  payload: KeyPayload;
  /** What has to be written together, after the payload's own effect is safe. */
  changes: Map<string, unknown>;
  /** The session has taken much and given nothing: the caller sends a ping. */
  owesReply: boolean;
}

/** Why a queue item could not be opened. */
export type QueueFault = 'unknown_device' | 'no_prekey' | 'undecryptable' | 'replayed' | 'malformed' | 'downgrade';

export class QueueError extends Error {
  override readonly name = 'QueueError';
  constructor(readonly fault: QueueFault) {
    super(`the key message cannot be opened: ${fault}`);
  }
}

/** The pairwise sessions of this device: opened by X3DH or PQXDH, kept by the Double Ratchet (profile §5). */
export class PairSessions {
  private readonly cache = new Map<string, PairSession[]>();
  /** Sessions that are no longer used for sending. */
  private readonly stale = new Set<string>();
  private readonly line = new Serial();
  private readonly own: OwnParty;

  constructor(
    device: Device,
    private readonly storage: Storage,
    private readonly node: NodePort,
    private readonly directory: DeviceDirectory,
    private readonly prekeys: OwnPrekeys,
    private readonly events: EventHub,
    private readonly now: () => number,
  ) {
    this.own = {
      userId: device.userId,
      device: device.id,
      signingKey: ed25519PublicKey(device.seed),
      exchangeKey: x25519PublicKey(device.exchangeKey),
      exchangeSecret: device.exchangeKey,
      postQuantum: true,
    };
  }

  /**
   * Encrypts each payload for its device and puts it into that device's queue. Resolves with those that are there now; a device that has
   * no prekeys, or a full queue, is left out. Rejects when the node cannot take them.
   */
  async send(outgoing: readonly Outgoing[]): Promise<DeviceAddress[]> {
    const parties = await this.partiesOf(outgoing);
    const messages = await this.line.run(() => this.encrypt(outgoing, parties));
    const refused = new Set<string>();
    for (const chunk of chunks(messages)) {
      const { unknown, full } = await this.node.command<SentKeys>('send_keys', { messages: chunk });
      for (const { user_id, device } of [...unknown, ...full]) refused.add(addressKey({ userId: user_id, device }));
    }
    return messages
      .map(({ user_id, device }) => ({ userId: user_id, device }))
      .filter((address) => !refused.has(addressKey(address)));
  }

  /** Throws away what one has with a device and begins anew: its next message opens a fresh session. */
  async reset(address: DeviceAddress): Promise<void> {
    await this.line.run(async () => {
      const sessions = await this.load(address);
      // Kept for what is still under way to us; never used for sending again.
      for (const session of sessions) this.stale.add(session.id);
    });
  }

  /** Everything, after a restored backup: the other copy may have gone on with these keys. */
  async clear(): Promise<void> {
    await this.line.run(async () => {
      this.cache.clear();
      const keys = await this.storage.keys(PREFIX);
      await this.storage.apply(new Map(keys.map((key) => [key, undefined])));
    });
  }

  /** Opens one item of the queue. Nothing is kept until the caller has written `changes`; then `commit`. Throws QueueError. */
  async open(item: QueuedKeys): Promise<Opened> {
    return await this.line.run(() => this.openItem(item));
  }

  /** What was opened could not be written down: the storage's older state holds again. */
  async discard(address: DeviceAddress): Promise<void> {
    await this.line.run(async () => void this.cache.delete(addressKey(address)));
    this.prekeys.discard();
  }

  private async partiesOf(addresses: readonly DeviceAddress[]): Promise<Map<string, Party>> {
    const logs = await this.directory.logs([...new Set(addresses.map(({ userId }) => userId))]);
    const parties = new Map<string, Party>();
    for (const log of logs.values())
      for (const device of liveDevices(log))
        parties.set(addressKey({ userId: log.userId, device: device.id }), partyOf(log.userId, device));
    return parties;
  }

  private async encrypt(outgoing: readonly Outgoing[], parties: Map<string, Party>): Promise<KeyMessage[]> {
    await this.openMissing(outgoing, parties);
    const changes = new Map<string, unknown>();
    const messages: KeyMessage[] = [];
    for (const { userId, device, payload } of outgoing) {
      const address = { userId, device };
      // A session with a device that was revoked since is not used any more, whatever it asks for.
      const session = parties.has(addressKey(address)) ? this.sending(await this.load(address)) : undefined;
      if (session === undefined) continue;
      const body = toBase64(session.encrypt(toUtf8(JSON.stringify(payload)), this.now()));
      changes.set(storeKey(address), serialized(await this.load(address)));
      messages.push({ user_id: userId, device, id: `k_${toBase32(randomBytes(10))}`, body });
    }
    // Before anything leaves: a ratchet that is set back would use a key twice.
    await this.storage.apply(changes);
    return messages;
  }

  private sending(sessions: readonly PairSession[]): PairSession | undefined {
    return sessions.find(({ id }) => !this.stale.has(id));
  }

  /** First contact with every device that there is no session with yet. */
  private async openMissing(outgoing: readonly Outgoing[], parties: Map<string, Party>): Promise<void> {
    const missing: DeviceAddress[] = [];
    for (const { userId, device } of outgoing) {
      const address = { userId, device };
      if (parties.has(addressKey(address)) && this.sending(await this.load(address)) === undefined)
        missing.push(address);
    }
    for (let at = 0; at < missing.length; at += MAX_CLAIM_DEVICES) {
      const devices = missing
        .slice(at, at + MAX_CLAIM_DEVICES)
        .map(({ userId, device }) => ({ user_id: userId, device }));
      const { bundles } = await this.node.command<ClaimedKeys>('claim_keys', { devices });
      for (const bundle of bundles) await this.beginOrTell(bundle, parties);
    }
  }

  /** A device with bad prekeys gets nothing; the others of the channel must not suffer from it. */
  private async beginOrTell(bundle: PrekeyBundle, parties: Map<string, Party>): Promise<void> {
    try {
      await this.begin(bundle, parties);
    } catch (error) {
      if (!(error instanceof CryptoError) && !(error instanceof DcpError)) throw error;
      const reason = error instanceof CryptoError ? error.code : 'bad_prekey';
      this.events.emit('keyFault', { userId: bundle.user_id, device: bundle.device, reason });
    }
  }

  private async begin(bundle: PrekeyBundle, parties: Map<string, Party>): Promise<void> {
    const address = { userId: bundle.user_id, device: bundle.device };
    const peer = parties.get(addressKey(address));
    if (peer === undefined) return;
    const session = PairSession.initiate(this.own, peer, openBundle(bundle, peer), this.now());
    await this.adopt(address, session);
  }

  /** The newest session comes first: it is the one that is used for sending. */
  private async adopt(address: DeviceAddress, session: PairSession): Promise<void> {
    const sessions = [session, ...(await this.load(address))];
    for (const old of sessions.splice(MAX_SESSIONS)) old.wipe();
    this.remember(address, sessions);
  }

  private async openItem(item: QueuedKeys): Promise<Opened> {
    const address = { userId: item.from_user, device: item.from_device };
    const message = decodeBody(item.body);
    const peer = await this.peer(address, item.received_at);
    const changes = new Map<string, unknown>();
    const opened = (await this.tryKnown(address, message)) ?? (await this.accept(address, peer, message, changes));
    const { session, plaintext } = opened;
    // What it says comes from the peer and is checked like any other input.
    const payload = parsePayload(plaintext);
    changes.set(storeKey(address), serialized(await this.load(address)));
    return { payload, changes, owesReply: session.owesReply >= MAX_OWED };
  }

  private async tryKnown(
    address: DeviceAddress,
    message: Uint8Array,
  ): Promise<{ session: PairSession; plaintext: Uint8Array } | undefined> {
    const sessions = await this.load(address);
    for (const session of sessions) {
      try {
        const plaintext = session.decrypt(message, this.now());
        // What the other side uses is what we answer with.
        this.remember(address, [session, ...sessions.filter((one) => one !== session)]);
        this.stale.delete(session.id);
        return { session, plaintext };
      } catch (error) {
        if (!(error instanceof CryptoError)) throw error;
        if (error.code === 'replayed') throw new QueueError('replayed');
      }
    }
    return undefined;
  }

  private async accept(
    address: DeviceAddress,
    peer: Party,
    message: Uint8Array,
    changes: Map<string, unknown>,
  ): Promise<{ session: PairSession; plaintext: Uint8Array }> {
    const envelope = readOrRefuse(message);
    if (envelope.kind !== 'initial') throw new QueueError('undecryptable');
    const secrets = await this.prekeys.secrets();
    try {
      const { session, plaintext, used } = PairSession.accept(
        this.own,
        peer,
        this.prekeys.epoch,
        secrets,
        message,
        this.now(),
      );
      // A first message without a one-time prekey could be sent again by whoever recorded it.
      if ((await this.load(address)).some(({ id }) => id === session.id)) throw new QueueError('replayed');
      changes.set(...(await this.prekeys.spend(used)));
      await this.adopt(address, session);
      return { session, plaintext };
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      throw new QueueError(error.code === 'downgrade' ? 'downgrade' : 'no_prekey');
    }
  }

  /** The sender as his log certifies him. What he sent before he was revoked is taken; the time is the node's word. */
  private async peer({ userId, device }: DeviceAddress, receivedAt: string): Promise<Party> {
    const log = (await this.directory.log(userId)) ?? (await this.directory.known(userId));
    const certified = log?.devices[device] === undefined ? await this.directory.reread(userId) : log;
    const found = certified === undefined ? undefined : deviceAt(certified, device, receivedAt);
    if (found === undefined) throw new QueueError('unknown_device');
    return partyOf(userId, found);
  }

  private async load(address: DeviceAddress): Promise<PairSession[]> {
    const key = addressKey(address);
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const stored = (await this.storage.get<string[]>(storeKey(address))) ?? [];
    const sessions = stored.map((text) => PairSession.deserialize(fromBase64(text)));
    this.remember(address, sessions);
    return sessions;
  }

  private remember(address: DeviceAddress, sessions: PairSession[]): void {
    const key = addressKey(address);
    this.cache.delete(key);
    this.cache.set(key, sessions);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED && oldest.done !== true) this.cache.delete(oldest.value);
  }
}

export function addressKey({ userId, device }: DeviceAddress): string {
  return `${userId}/${device}`;
}

function storeKey(address: DeviceAddress): string {
  return PREFIX + addressKey(address);
}

function serialized(sessions: readonly PairSession[]): string[] {
  return sessions.map((session) => toBase64(session.serialize()));
}

function partyOf(userId: string, device: CertifiedDevice): Party {
  return {
    userId,
    device: device.id,
    signingKey: fromBase64(device.signingKey),
    exchangeKey: fromBase64(device.exchangeKey),
    postQuantum: device.postQuantum,
  };
}

/** Checks each prekey: of this device and epoch, of its kind, signed by the device's key. Throws INVALID_MESSAGE_FORMAT. */
export function openBundle(bundle: PrekeyBundle, peer: Party): OpenBundle {
  const open = (prekey: Prekey, ...kinds: Prekey['kind'][]) => {
    const own = prekey.user_id === peer.userId && prekey.device === peer.device && prekey.epoch === bundle.epoch;
    const signed = verifySigned(peer.signingKey, signingInput('PREKEY', prekey), prekey.signature);
    if (!own || !signed || !kinds.includes(prekey.kind))
      throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'bad_prekey', device: peer.device });
    return { id: prekey.id, key: parseKey(prekey.key).bytes };
  };
  return {
    epoch: bundle.epoch,
    signed: open(bundle.signed, 'signed'),
    oneTime: bundle.one_time === undefined ? undefined : open(bundle.one_time, 'one-time'),
    kem: bundle.kem === undefined ? undefined : open(bundle.kem, 'kem', 'kem-last-resort'),
  };
}

function decodeBody(body: string): Uint8Array {
  try {
    return fromBase64(body);
  } catch {
    throw new QueueError('malformed');
  }
}

function readOrRefuse(message: Uint8Array): ReturnType<typeof readEnvelope> {
  try {
    return readEnvelope(message);
  } catch {
    throw new QueueError('malformed');
  }
}

function parsePayload(plaintext: Uint8Array): KeyPayload {
  try {
    return parseKeyPayload(fromUtf8(plaintext));
  } catch {
    throw new QueueError('malformed');
  }
}

function* chunks(messages: readonly KeyMessage[]): Generator<KeyMessage[]> {
  let chunk: KeyMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (chunk.length === MAX_SEND_KEYS || (chunk.length > 0 && bytes + message.body.length > MAX_SENT_BYTES)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(message);
    bytes += message.body.length;
  }
  if (chunk.length > 0) yield chunk;
}
