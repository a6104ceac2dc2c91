import { canonicalJson } from './canonical-json.js';

/** The kinds of signed objects; the kind is part of what is signed, so that no signature can serve for another kind. */
export type SignedType =
  | 'IDENTITY'
  | 'DEVICE'
  | 'PREKEY'
  | 'MESSAGE'
  | 'NODEMSG'
  | 'GENESIS'
  | 'ORDER'
  | 'NODE'
  | 'ROUTE'
  | 'TRUST'
  | 'MOVE'
  | 'HANDOVER'
  | 'MANDATE'
  | 'GRANT'
  | 'FUNCTION';

const utf8 = new TextEncoder();

/**
 * The bytes whose SHA-256 is the specification's `message_hash` (profile §1): `DCP-<TYPE>-V1`, a zero byte, then the JCS form
 * of the object without its `signature`. Hashing and signing are done by the crypto library.
 */
export function signingInput(type: SignedType, object: object): Uint8Array {
  const { signature: _signature, ...signed } = object as { signature?: unknown };
  return utf8.encode(`DCP-${type}-V1\0${canonicalJson(signed)}`);
}

/**
 * A message as its author signs it: without `signature`, without the viewer's `channel`, and without what nodes add
 * (`node`, `function_result`, `metadata.reactions`, `metadata.edited`). `channel_id` must be there: every signature names it.
 */
export function signedMessageView(message: Record<string, unknown> & { channel_id: string }): Record<string, unknown> {
  const { signature: _s, channel: _c, node: _n, function_result: _f, metadata, ...rest } = message;
  if (typeof metadata !== 'object' || metadata === null) return rest;
  const { reactions: _r, edited: _e, ...signedMetadata } = metadata as Record<string, unknown>;
  return { ...rest, metadata: signedMetadata };
}

/** `signingInput` of a message: TYPE MESSAGE for an author, NODEMSG where the node signs for a plain command. */
export function messageSigningInput(
  message: Record<string, unknown> & { channel_id: string },
  type: 'MESSAGE' | 'NODEMSG' = 'MESSAGE',
): Uint8Array {
  return signingInput(type, signedMessageView(message));
}
