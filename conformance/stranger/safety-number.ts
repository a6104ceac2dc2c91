import { createHash } from 'node:crypto';

export interface Party {
  userId: string;
  /** The raw identity key. */
  key: Buffer;
}

const ROUNDS = 5_200;

/** Signal's numeric fingerprint over identity keys: twelve groups of five digits, the same for both parties. */
export function safetyNumber(one: Party, other: Party): string {
  return [digits(one), digits(other)].sort().join(' ');
}

function digits({ userId, key }: Party): string {
  let hash = sha512([Buffer.alloc(2), key, Buffer.from(userId), key]);
  for (let round = 2; round <= ROUNDS; round++) hash = sha512([hash, key]);
  const groups = [0, 5, 10, 15, 20, 25].map((at) => hash.readUIntBE(at, 5) % 100_000);
  return groups.map((group) => String(group).padStart(5, '0')).join(' ');
}

function sha512(parts: Buffer[]): Buffer {
  return createHash('sha512').update(Buffer.concat(parts)).digest();
}
