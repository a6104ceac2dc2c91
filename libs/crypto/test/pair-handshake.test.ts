/** What the two ends of a handshake must agree on, and that neither can be talked out of ML-KEM. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoErrorCode, PairSession, type PrekeyBundle } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { Device, met, NOW, text } from './devices.js';

beforeAll(ready);

function refusal(code: CryptoErrorCode) {
  return expect.objectContaining({ code });
}

describe('what both sides must agree on', () => {
  const changes: [string, (device: Device) => Device['party']][] = [
    ['user id', ({ party }) => ({ ...party, userId: 'a7f3k9m2.mallory' })],
    ['device id', ({ party }) => ({ ...party, device: 'dev_other' })],
    ['signing key', ({ party }) => ({ ...party, signingKey: new Uint8Array(32).fill(1) })],
  ];

  it.each(changes)('another %s of the writer does not open', (_, changed) => {
    const [alice, bob] = [new Device('alice'), new Device('bob')];
    const message = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW).encrypt(text('x'), NOW);
    const accepted = () => PairSession.accept(bob.party, changed(alice), bob.epoch, bob, message, NOW);
    expect(accepted).toThrow(refusal('decryption_failed'));
  });

  it.each(changes)('another %s of the reader does not open', (_, changed) => {
    const [alice, bob] = [new Device('alice'), new Device('bob')];
    const message = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW).encrypt(text('x'), NOW);
    const accepted = () => PairSession.accept(changed(bob), alice.party, bob.epoch, bob, message, NOW);
    expect(accepted).toThrow(refusal('decryption_failed'));
  });

  it('another exchange key, another epoch, an unknown signed prekey', () => {
    const [alice, eve, bob] = [new Device('alice'), new Device('eve'), new Device('bob')];
    const message = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW).encrypt(text('x'), NOW);
    expect(() => bob.accept(eve, message)).toThrow(refusal('decryption_failed'));
    const epoch = () => PairSession.accept(bob.party, alice.party, bob.epoch + 1, bob, message, NOW);
    expect(epoch).toThrow(refusal('unknown_prekey'));
    const none = { signed: () => undefined, oneTime: () => undefined, kem: () => undefined };
    const gone = () => PairSession.accept(bob.party, alice.party, bob.epoch, none, message, NOW);
    expect(gone).toThrow(refusal('unknown_prekey'));
  });

  it('accept takes initial messages only', () => {
    const { alice, bob, b } = met();
    expect(() => alice.accept(bob, b.encrypt(text('x'), NOW))).toThrow(refusal('malformed'));
  });
});

describe('[DCCP-SEC-04] no way down to one half', () => {
  it('a bundle without ML-KEM is refused where both devices have it', () => {
    const [alice, bob] = [new Device('alice'), new Device('bob')];
    const stripped: PrekeyBundle = { ...bob.bundle(), kem: undefined };
    const begun = () => PairSession.initiate(alice.party, bob.party, stripped, NOW);
    expect(begun).toThrow(refusal('downgrade'));
  });

  it('an initial message without ML-KEM is refused where both devices have it', () => {
    const [alice, bob] = [new Device('alice'), new Device('bob')];
    const weak = { ...alice.party, postQuantum: false };
    const message = PairSession.initiate(weak, bob.party, bob.bundle(), NOW).encrypt(text('x'), NOW);
    expect(() => bob.accept(alice, message)).toThrow(refusal('downgrade'));
  });

  it('a device without ML-KEM is written to with X3DH', () => {
    const [alice, bob] = [new Device('alice', true), new Device('bob', false)];
    const a = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW);
    expect(a.postQuantum).toBe(false);
    expect(bob.accept(alice, a.encrypt(text('x'), NOW)).session.postQuantum).toBe(false);
  });

  it('an ML-KEM key that fails FIPS 203’s modulus check is refused', () => {
    const [alice, bob] = [new Device('alice'), new Device('bob')];
    const kem = { id: 3, key: new Uint8Array(1184).fill(0xff) };
    const begun = () => PairSession.initiate(alice.party, bob.party, { ...bob.bundle(), kem }, NOW);
    expect(begun).toThrow(refusal('invalid_key'));
  });
});
