import type { ReportFault } from '@dcp/contracts';
import { CryptoError, fromBase64, fromUtf8, openDisclosed, toUtf8, verifySigned, wipe } from '@dcp/crypto';
import {
  type MessageProof,
  messageSigningInput,
  readSealedContent,
  sealedAdditionalData,
  sealedContent,
  sealedFrameOf,
  signedMessageView,
  type StoredMessage,
} from '@dcp/protocol';
import type { AuthorKeys } from './author-keys.js';

/** What the author wrote, or why the proof shows nothing. */
export type Proven = { content: Record<string, unknown> } | { fault: ReportFault };

/**
 * Verifies that an author wrote what a message says: his device signed it as it is, ciphertext and all that binds it, and the disclosed
 * key opens exactly this ciphertext. Who has not made a ciphertext finds no second key for it (disclosed-key.ts).
 */
export class ProofVerifier {
  constructor(private readonly keys: AuthorKeys) {}

  /** Undefined where nobody knows the author now. Rejects when a service or the author's node is away. */
  async verify(proof: MessageProof): Promise<Proven | undefined> {
    const { message } = proof;
    const byNode = isSignedByNode(message);
    const keys = byNode ? await this.keys.ofNode(message) : await this.keys.of(message);
    if (keys === undefined) return undefined;
    if (keys.length === 0) return { fault: 'unknown_device' };
    const preimage = messageSigningInput(message, byNode ? 'NODEMSG' : 'MESSAGE');
    if (!keys.some((key) => verifySigned(key, preimage, message.signature))) return { fault: 'bad_signature' };
    return openProof(proof);
  }
}

/** What a proof says whose signature was verified. */
export function openProof({ message, key }: MessageProof): Proven {
  if (message.encryption.algorithm === 'none') return { content: message.content };
  if (key === undefined) return { fault: 'key_missing' };
  const frame = sealedFrameOf(message);
  const body = sealedContent.safeParse(message.content);
  if (frame === undefined || !body.success) return { fault: 'malformed' };
  const additionalData = toUtf8(sealedAdditionalData(frame));
  try {
    return { content: opened(key, { ...body.data, nonce: message.encryption.nonce }, additionalData) };
  } catch (error) {
    return { fault: isWrongKey(error) ? 'wrong_key' : 'malformed' };
  }
}

function opened(key: string, body: { nonce: string; ciphertext: string }, additionalData: Uint8Array) {
  const conversationKey = fromBase64(key);
  try {
    const [nonce, ciphertext] = [fromBase64(body.nonce), fromBase64(body.ciphertext)];
    return readSealedContent(fromUtf8(openDisclosed(conversationKey, { nonce, ciphertext, additionalData }))).content;
  } finally {
    wipe(conversationKey);
  }
}

function isWrongKey(error: unknown): boolean {
  return error instanceof CryptoError && (error.code === 'decryption_failed' || error.code === 'invalid_length');
}

/** Profile §4: `metadata.signed_by`, in channels that the node may read. */
function isSignedByNode({ metadata, device, encryption }: StoredMessage): boolean {
  return metadata['signed_by'] === 'node' && device === undefined && encryption.algorithm === 'none';
}

/** A message with nothing but what its author signed. */
export function asSigned(message: StoredMessage): StoredMessage {
  return { ...(signedMessageView(message) as StoredMessage), signature: message.signature };
}
