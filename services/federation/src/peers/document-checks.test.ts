import {
  ed25519PublicKey,
  formatKey,
  nodePostQuantumKey,
  randomBytes,
  ready,
  signDigest,
  signHybrid,
} from '@dcp/crypto';
import { type KeyRotation, type NodeDocument, signingInput, withoutSignatures } from '@dcp/protocol';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkDocument, formerKeys, type KeyPair, leadsFrom } from './document-checks.js';

const NODE = 'abcd1234';
const ISSUED = '2026-01-01T00:00:00.000Z';

describe('the keys of a node', () => {
  let seeds: Uint8Array[];
  beforeAll(async () => {
    await ready();
    seeds = Array.from({ length: 4 }, () => randomBytes(32));
  });

  const seed = (at: number) => seeds[at] as Uint8Array;
  const key = (at: number) => formatKey('ed25519', ed25519PublicKey(seed(at)));
  const pq = (at: number) => nodePostQuantumKey(seed(at));
  const pair = (at: number, postQuantum: string | undefined = pq(at).key): KeyPair => ({ key: key(at), postQuantum });
  const both = (at: number, object: object) =>
    signHybrid({ ed25519: seed(at), mlDsa: pq(at).seed }, signingInput('NODE', withoutSignatures(object)));
  const signed = <T extends object>(at: number, object: T, hybrid: string | undefined = both(at, object)) => {
    const whole = { ...object, ...(hybrid === undefined ? {} : { hybrid }) };
    return { ...whole, signature: signDigest(seed(at), signingInput('NODE', whole)) };
  };
  const step = (from: number, to: number, hybrid?: string | null): KeyRotation => {
    const plain = { node: NODE, from: key(from), to: key(to), to_pq: pq(to).key, issued: ISSUED };
    const whole = hybrid === null ? plain : { ...plain, hybrid: hybrid ?? both(from, plain) };
    return { ...whole, signature: signDigest(seed(from), signingInput('NODE', whole)) };
  };
  const document = (at: number, rotations?: KeyRotation[], keys = [key(at), pq(at).key]): NodeDocument => {
    const about = { id: NODE, version: '1.0.0', features: [], keys, endpoints: [], binding: 'none' };
    const plain = { ...about, issued: ISSUED, sequence: 1, ...(rotations === undefined ? {} : { rotations }) };
    return signed(at, plain) as unknown as NodeDocument;
  };

  it('sign its document both; what one of them has not signed is not believed', () => {
    const good = document(0);
    expect(checkDocument(good)).toMatchObject({ id: NODE });
    const { hybrid: _hybrid, signature: _signature, ...plain } = good;
    const reason = (value: object) => {
      try {
        checkDocument(value);
        return 'believed';
      } catch (error) {
        return (error as { details: Record<string, unknown> }).details['reason'];
      }
    };
    const lone = { ...plain, signature: signDigest(seed(0), signingInput('NODE', plain)) };
    expect(reason(lone)).toBe('document_signature');
    // Somebody with a broken Ed25519 key, and no other.
    expect(reason(signed(0, plain, both(1, plain)))).toBe('document_signature');
    expect(reason(signed(0, { ...plain, sequence: 2 }, both(0, plain)))).toBe('document_signature');
    expect(reason({ ...good, sequence: 2 })).toBe('document_signature');
  });

  it('[DCP-15.3-02] lead from the pinned pair by steps that both keys have signed', () => {
    const chain = [step(0, 1), step(1, 2)];
    expect(leadsFrom(pair(0), document(0))).toBe(true);
    expect(leadsFrom(pair(0), document(2, chain))).toBe(true);
    expect(leadsFrom(pair(1), document(2, chain))).toBe(true);
    expect(formerKeys(document(2, chain))).toEqual([key(0), key(1)]);
    expect(leadsFrom(pair(3), document(2, chain))).toBe(false);
    expect(leadsFrom(pair(0), document(2, [step(0, 1, null), step(1, 2)]))).toBe(false);
    const half = { node: NODE, from: key(0), to: key(1), to_pq: pq(1).key, issued: ISSUED };
    expect(leadsFrom(pair(0), document(1, [step(0, 1, both(3, half))]))).toBe(false);
    expect(leadsFrom(pair(0), document(2, [step(0, 1)]))).toBe(false);
  });

  it('never go back to none that is safe from quantum computers, and may begin with none', () => {
    const without = document(0, undefined, [key(0)]);
    expect(leadsFrom(pair(0), without)).toBe(false);
    expect(leadsFrom({ key: key(0), postQuantum: undefined }, document(0))).toBe(true);
    expect(leadsFrom({ key: key(0), postQuantum: undefined }, document(1, [step(0, 1, null)]))).toBe(true);
    expect(leadsFrom(pair(0, pq(3).key), document(0))).toBe(false);
  });
});
