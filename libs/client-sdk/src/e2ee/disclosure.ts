import { CryptoError, discloseMessageKey, ReceivedSenderKey, toBase64, wipe } from '@dcp/crypto';
import { canonicalJson, DcpError, type DeliveredMessage } from '@dcp/protocol';
import type { Archive } from './archive.js';
import { DecryptError } from './decrypt-fault.js';
import { sealedOf, type SealedMessage } from './decryptor.js';
import type { KeyBackup } from './key-backup.js';
import { openContent } from './message-form.js';
import type { MonthKeys } from './month-keys.js';
import type { ReceivedKeys } from './received-keys.js';

export interface DisclosureParts {
  received: ReceivedKeys;
  backup: KeyBackup;
  months: MonthKeys;
  archive: Archive;
  now: () => number;
}

/**
 * The key of one message, for whoever shall judge it. A device forgets a key once it has opened its message, so it mostly comes from the
 * backup, which has the chain. Nothing that is held changes, and no other key leaves: neither the chain nor its start.
 */
export class Disclosure {
  constructor(private readonly parts: DisclosureParts) {}

  /**
   * base64 of 32 bytes. It has opened this message here, to the words that were read: a node cannot have the key of another message
   * disclosed by showing this one under the other's number. CONFLICT `key_gone` where no such key is left, DecryptError `malformed`.
   */
  async keyOf(message: DeliveredMessage): Promise<string> {
    const sealed = sealedOf(message);
    const read = await this.parts.archive.find(message.channel_id, message.id);
    for (const find of [() => this.fromDevice(sealed), () => this.fromBackup(sealed)]) {
      const key = await find();
      if (key === undefined) continue;
      const isRight = opens(key, sealed, read?.content);
      const text = toBase64(key);
      wipe(key);
      if (isRight) return text;
    }
    throw new DcpError('CONFLICT', { reason: 'key_gone', message_id: message.id });
  }

  /** As long as the message was not read on this device. */
  private async fromDevice({ frame }: SealedMessage): Promise<Uint8Array | undefined> {
    const held = await this.parts.received.find(frame.key_id);
    if (held === undefined || !isOwner(held, frame)) return undefined;
    const copy = ReceivedSenderKey.deserialize(held.chain.serialize());
    try {
      return copy.open(frame.n, this.parts.now(), (key) => key.slice());
    } catch (error) {
      return onlyCryptoErrors(error);
    } finally {
      copy.wipe();
    }
  }

  private async fromBackup({ frame }: SealedMessage): Promise<Uint8Array | undefined> {
    const { backup, months } = this.parts;
    // What came a moment ago may not be there yet.
    await backup.flush();
    const found = (await backup.find(months, [frame.key_id])).find(({ owner }) => isOwner(owner, frame));
    if (found === undefined) return undefined;
    try {
      return discloseMessageKey(found.start, frame.n);
    } catch (error) {
      return onlyCryptoErrors(error);
    } finally {
      wipe(found.start.chainKey);
    }
  }
}

function isOwner(
  owner: { channelId: string; userId: string; device: string },
  frame: { channel_id: string; author: string; device: string },
): boolean {
  return owner.channelId === frame.channel_id && owner.userId === frame.author && owner.device === frame.device;
}

/** An author can make a ciphertext that opens under two keys: what is disclosed must say what was read here. */
function opens(key: Uint8Array, { frame, nonce, content }: SealedMessage, read: object | undefined): boolean {
  try {
    const opened = openContent(key, frame, nonce, content).content;
    return read === undefined || canonicalJson(read) === canonicalJson(opened);
  } catch (error) {
    if (error instanceof DecryptError) return false;
    throw error;
  }
}

function onlyCryptoErrors(error: unknown): undefined {
  if (error instanceof CryptoError) return undefined;
  throw error;
}
