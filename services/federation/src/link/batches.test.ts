import { ed25519PublicKey, fromBase64, randomBytes, ready, toBase64 } from '@dcp/crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { NodeKey } from '../node/node-key.js';
import { BatchReader, BatchWriter, type Direction } from './batches.js';

describe('batches of a link', () => {
  let key: NodeKey;
  let publicKey: Uint8Array;
  const direction: Direction = { link: `sha256:${'a'.repeat(64)}`, from: 'aaaaaaaa', to: 'bbbbbbbb' };
  const pair = (changes: Partial<Direction> = {}) => ({
    writer: new BatchWriter(direction, key),
    reader: new BatchReader({ ...direction, ...changes }, publicKey),
  });
  const reasonOf = (work: () => unknown) => {
    try {
      return work();
    } catch (error) {
      return (error as { details: { reason: string } }).details.reason;
    }
  };

  beforeAll(async () => {
    await ready();
    const seed = toBase64(randomBytes(32));
    key = new NodeKey({ nodeKey: seed, nodeId: undefined });
    publicKey = ed25519PublicKey(fromBase64(seed));
  });

  it('carry frames in order', () => {
    const { writer, reader } = pair();
    expect(reader.read(writer.write(['{"n":1}', '{"n":2}']))).toEqual(['{"n":1}', '{"n":2}']);
    expect(reader.read(writer.write(['{"n":3}']))).toEqual(['{"n":3}']);
  });

  it('[DCP-10.2-03] are refused when a byte was changed, a batch repeated, left out or moved', () => {
    const { writer, reader } = pair();
    const [first, second] = [writer.write(['{"n":1}']), writer.write(['{"n":2}'])];
    expect(reasonOf(() => reader.read(second))).toBe('batch_counter');
    const altered = Buffer.from(first.toString().replace('{"n":1}', '{"n":9}'));
    expect(reasonOf(() => reader.read(altered))).toBe('batch_hash');
    expect(reader.read(first)).toEqual(['{"n":1}']);
    expect(reasonOf(() => reader.read(first))).toBe('batch_counter');
    const renumbered = Buffer.from(first.toString().replace('"counter":1', '"counter":2'));
    expect(reasonOf(() => reader.read(renumbered))).toBe('batch_signature');
    expect(reader.read(second)).toEqual(['{"n":2}']);
  });

  it('[DCP-10.2-03] of another link, of the other direction or of another key are refused', () => {
    const { writer } = pair();
    const batch = writer.write(['{}']);
    expect(reasonOf(() => pair({ link: `sha256:${'b'.repeat(64)}` }).reader.read(batch))).toBe('batch_link');
    expect(reasonOf(() => pair({ from: 'bbbbbbbb', to: 'aaaaaaaa' }).reader.read(batch))).toBe('batch_signature');
    expect(reasonOf(() => new BatchReader(direction, randomBytes(32)).read(batch))).toBe('batch_signature');
  });

  it('that are none are refused as malformed', () => {
    const { writer, reader } = pair();
    expect(reasonOf(() => reader.read(Buffer.from('{}')))).toBe('batch_size');
    expect(reasonOf(() => reader.read(Buffer.from('no json\n{}')))).toBe('not_json');
    expect(reasonOf(() => reader.read(writer.write(Array.from({ length: 65 }, () => '{}'))))).toBe('batch_size');
  });
});
