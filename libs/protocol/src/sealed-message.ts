import { canonicalJson } from './canonical-json.js';
import { invalidFormat } from './errors.js';
import { parseJson } from './json.js';

/** The members of an encrypted message that its ciphertext is bound to (profile §5). */
export interface SealedFrame {
  channel_id: string;
  id: string;
  type: string;
  timestamp: string;
  author: string;
  device: string;
  key_id: string;
  epoch: number;
  n: number;
}

/** A message of which the form was checked (§6.1). */
interface MaybeSealed {
  channel_id: string;
  id: string;
  type: string;
  timestamp: string;
  author: string;
  device?: string | undefined;
  encryption: {
    algorithm: string;
    key_id: string;
    device?: string | undefined;
    epoch?: number | undefined;
    n?: number | undefined;
  };
}

/** Undefined unless the message is encrypted, under the key of the device that it names, and has all that binds it. */
export function sealedFrameOf(message: MaybeSealed): SealedFrame | undefined {
  const { id, type, timestamp, author, device, channel_id } = message;
  const { algorithm, key_id, device: keyDevice, epoch, n } = message.encryption;
  if (algorithm !== 'chacha20-poly1305' || device === undefined || keyDevice !== device) return undefined;
  if (epoch === undefined || n === undefined) return undefined;
  return { channel_id, id, type, timestamp, author, device, key_id, epoch, n };
}

/**
 * AAD, as text: JCS of the frame and the algorithm. A ciphertext cannot be moved to another message, place or channel. Its bytes are the
 * UTF-8 form.
 */
export function sealedAdditionalData(frame: SealedFrame): string {
  return canonicalJson({ ...frame, algorithm: 'chacha20-poly1305' });
}

/** What a sealed body says, once it is open: the content of §6.2, and `heads` (base64), which are no part of it. Throws 2000. */
export function readSealedContent(text: string): { content: Record<string, unknown>; heads: string } {
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalidFormat('not an object', 'content');
  const { heads = '', ...content } = parsed as Record<string, unknown>;
  return { content, heads: String(heads) };
}
