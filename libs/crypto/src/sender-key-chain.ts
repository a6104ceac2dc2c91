/**
 * One step of a sender key's chain (§6.3, profile §5), as Signal's sender keys and the symmetric ratchet do it:
 *
 *   conversation_key_n = HMAC-SHA-256(chain_n, 01)        chain_{n+1} = HMAC-SHA-256(chain_n, 02)
 *
 * A chain key gives every later key of its chain and none before it.
 */
import { malformed } from './byte-reader.js';
import { hmacSha256 } from './hmac.js';

const KEY_ID_SHAPE = /^[A-Za-z0-9_-]{1,64}$/;
const FOR_MESSAGE = Uint8Array.of(1);
const FOR_CHAIN = Uint8Array.of(2);

export interface ChainStep {
  /** Serves message n only. */
  readonly key: Uint8Array;
  /** The chain key of n + 1. */
  readonly chainKey: Uint8Array;
}

export function chainStep(chainKey: Uint8Array): ChainStep {
  return { key: hmacSha256(chainKey, FOR_MESSAGE), chainKey: hmacSha256(chainKey, FOR_CHAIN) };
}

/** A key id as it stands in `encryption.key_id`. Throws `malformed`. */
export function checkedKeyId(text: string): string {
  if (!KEY_ID_SHAPE.test(text)) throw malformed();
  return text;
}
