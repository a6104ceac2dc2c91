import { type ByteReader, opt, u32 } from './encodings.js';

/** What the first messages of a session say, so that the other side can compute the same secret. */
export interface Handshake {
  epoch: number;
  signedId: number;
  oneTimeId?: number | undefined;
  kem?: { id: number; ciphertext: Buffer } | undefined;
  exchangeKey: Buffer;
  ephemeral: Buffer;
}

export function handshakeBytes({ epoch, signedId, oneTimeId, kem, exchangeKey, ephemeral }: Handshake): Buffer {
  const oneTime = opt(oneTimeId === undefined ? undefined : u32(oneTimeId));
  const postQuantum = opt(kem && Buffer.concat([u32(kem.id), kem.ciphertext]));
  return Buffer.concat([u32(epoch), u32(signedId), oneTime, postQuantum, exchangeKey, ephemeral]);
}

export function readHandshake(reader: ByteReader): Handshake {
  return {
    epoch: reader.u32(),
    signedId: reader.u32(),
    oneTimeId: reader.opt((inner) => inner.u32()),
    kem: reader.opt((inner) => ({ id: inner.u32(), ciphertext: inner.take(1_088) })),
    exchangeKey: reader.take(32),
    ephemeral: reader.take(32),
  };
}
