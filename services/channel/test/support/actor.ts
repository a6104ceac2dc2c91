import { formatKey, generateEd25519KeyPair, randomBytes, signDigest, toBase32, toBase64 } from '@dcp/crypto';
import type { Post, Session } from '@dcp/contracts';
import { messageSigningInput, type SignedType, signingInput } from '@dcp/protocol';

export type SignedForm = Record<string, unknown> & { id: string; channel_id: string };

/** A user with a key of his own, as his client would act. */
export interface Actor {
  userId: string;
  session: Session;
  /** The full form of §6.1, signed; `changes` are made before the signature. */
  message(channelId: string, text: string, changes?: Record<string, unknown>): SignedForm;
  post(channelId: string, text: string, changes?: Record<string, unknown>): Post;
  /** Signs again what a test has altered. */
  signed(message: Record<string, unknown> & { channel_id: string }): SignedForm;
  sign(type: SignedType, object: object): string;
}

let drawn = 0;

/** A new user, of the node `a7f3k9m2` unless another is named. Crypto must be ready. */
export function actor(name: string, options: { device?: string; now?: () => number; node?: string } = {}): Actor {
  const { publicKey, seed } = generateEd25519KeyPair();
  const userId = `${options.node ?? 'a7f3k9m2'}.${name}-${String(++drawn)}`;
  const now = options.now ?? Date.now;
  const session: Session = {
    session_id: `ses_${userId}`,
    user_id: userId,
    device: options.device ?? null,
    key: formatKey('ed25519', publicKey),
    account_type: 'standard',
    admin: false,
  };
  const signed: Actor['signed'] = (message) => {
    const signature = signDigest(seed, messageSigningInput(message, 'MESSAGE'));
    return { id: '', ...message, signature };
  };
  const message: Actor['message'] = (channelId, text, changes = {}) =>
    signed({
      id: newId(),
      type: 'text',
      timestamp: new Date(now()).toISOString(),
      author: userId,
      ...(options.device === undefined ? {} : { device: options.device }),
      channel: '#general',
      channel_id: channelId,
      content: { text, format: 'plain' },
      encryption: { algorithm: 'chacha20-poly1305', key_id: 'key_1', nonce: toBase64(randomBytes(12)) },
      metadata: { client: 'test/1.0', edited: false, reply_to: null },
      ...changes,
    });
  const post: Actor['post'] = (channelId, text, changes) => ({
    channel_id: channelId,
    session,
    message: message(channelId, text, changes),
  });
  return {
    userId,
    session,
    message,
    post,
    signed,
    sign: (type, object) => signDigest(seed, signingInput(type, object)),
  };
}

export function newId(): string {
  return `msg_${toBase32(randomBytes(10))}`;
}
