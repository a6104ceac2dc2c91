/** Devices with their prekeys, as the tests of sessions need them. */
import {
  generateEd25519KeyPair,
  generateMlKemKeyPair,
  generateX25519KeyPair,
  type OwnParty,
  PairSession,
  type PrekeyBundle,
  type PrekeySecrets,
  type Secret,
} from '../src/index.js';

export const NOW = 1_800_000_000_000;

export class Device implements PrekeySecrets {
  readonly epoch = 7;
  readonly party: OwnParty;
  readonly #stock = new Map<string, { key: Uint8Array; secret: Secret }>();

  constructor(name: string, postQuantum = true) {
    const exchange = generateX25519KeyPair();
    this.party = {
      userId: `a7f3k9m2.${name}`,
      device: `dev_${name}`,
      signingKey: generateEd25519KeyPair().publicKey,
      exchangeKey: exchange.publicKey,
      exchangeSecret: exchange.privateKey,
      postQuantum,
    };
    const [signed, oneTime, kem] = [generateX25519KeyPair(), generateX25519KeyPair(), generateMlKemKeyPair()];
    this.#stock.set('signed 1', { key: signed.publicKey, secret: signed.privateKey });
    this.#stock.set('oneTime 2', { key: oneTime.publicKey, secret: oneTime.privateKey });
    this.#stock.set('kem 3', { key: kem.publicKey, secret: kem.seed });
  }

  bundle(): PrekeyBundle {
    const [signed, oneTime, kem] = [this.#key('signed', 1), this.#key('oneTime', 2), this.#key('kem', 3)];
    if (signed === undefined) throw new Error('a device always has a signed prekey');
    return { epoch: this.epoch, signed, oneTime, kem: this.party.postQuantum ? kem : undefined };
  }

  signed(id: number): Secret | undefined {
    return this.#stock.get(`signed ${id}`)?.secret;
  }

  oneTime(id: number): Secret | undefined {
    return this.#stock.get(`oneTime ${id}`)?.secret;
  }

  kem(id: number): Secret | undefined {
    return this.#stock.get(`kem ${id}`)?.secret;
  }

  forget(used: { oneTime?: number; kem?: number }): void {
    this.#stock.delete(`oneTime ${used.oneTime}`);
    this.#stock.delete(`kem ${used.kem}`);
  }

  accept(from: Device, message: Uint8Array, now = NOW) {
    return PairSession.accept(this.party, from.party, this.epoch, this, message, now);
  }

  #key(kind: string, id: number) {
    const key = this.#stock.get(`${kind} ${id}`)?.key;
    return key && { id, key };
  }
}

export interface Pair {
  readonly alice: Device;
  readonly bob: Device;
  a: PairSession;
  b: PairSession;
}

/** Two sessions after one message from Alice to Bob. */
export function met(postQuantum = true, now = NOW): Pair {
  const [alice, bob] = [new Device('alice', postQuantum), new Device('bob', postQuantum)];
  const a = PairSession.initiate(alice.party, bob.party, bob.bundle(), now);
  const { session: b } = bob.accept(alice, a.encrypt(text('hello'), now), now);
  return { alice, bob, a, b };
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function plain(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A message each way: both DH ratchets turn. */
export function roundTrip(pair: Pair, now = NOW): void {
  pair.b.decrypt(pair.a.encrypt(text('ping'), now), now);
  pair.a.decrypt(pair.b.encrypt(text('pong'), now), now);
}
