import {
  AEAD_NONCE_BYTES,
  type Ed25519Signer,
  formatKey,
  fromBase64,
  hkdf,
  NodeRoot,
  open,
  randomBytes,
  seal,
  toBase64,
  toUtf8,
} from '@dcp/crypto';
import { ConfigError } from '../config/config-error.js';
import { nodeKeyNames } from './node-key-config.js';
import { HsmError } from './hsm/hsm-error.js';

const FORMAT = 'dcp-sealed-seed-v1';

/**
 * The HSM's signature over this text makes the sealing key: Ed25519 gives one signature for one key and text, and nobody else can. What
 * a node signs for others is a SHA-256, 32 bytes; this text is longer, so none of those signatures is the one over it (ADR 29).
 */
const SEAL_TEXT = toUtf8(
  'DCP-NODE-SEALED-SEED-V1\0The signature over this opens the secrets of the node. It is never given out.',
);

interface SealedRoot {
  format: string;
  /** `ed25519:` text of the key whose signature opens it. */
  key: string;
  nonce: string;
  sealed: string;
}

/** The text of a sealed seed file. Throws an HsmError for a device whose signatures differ from one time to the next. */
export function sealRoot(root: NodeRoot, signer: Ed25519Signer): string {
  const [first, second] = [sealingKey(signer), sealingKey(signer)];
  if (Buffer.compare(first, second) !== 0)
    throw new HsmError('the HSM gives another signature each time (not RFC 8032), so that nothing can be sealed by it');
  const key = formatKey('ed25519', signer.publicKey);
  const nonce = randomBytes(AEAD_NONCE_BYTES);
  const sealed = seal(first, nonce, root.secret.reveal(), bound(key));
  const file: SealedRoot = { format: FORMAT, key, nonce: toBase64(nonce), sealed: toBase64(sealed) };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** What was sealed. Throws a ConfigError for a text that is none, another key's, or changed. */
export function unsealRoot(text: string, signer: Ed25519Signer): NodeRoot {
  const file = parsed(text);
  if (file === undefined) throw fault('is no sealed seed file: npm run hsm -- init makes one');
  const key = formatKey('ed25519', signer.publicKey);
  if (file.key !== key)
    throw fault(
      `is sealed by the key ${file.key}, and the HSM's is ${key}: give the file and the key that belong together`,
    );
  try {
    return new NodeRoot(open(sealingKey(signer), fromBase64(file.nonce), fromBase64(file.sealed), bound(key)));
  } catch (error) {
    // The HSM's own failure is no fault of the file.
    if (!(error instanceof Error) || error.name !== 'CryptoError') throw error;
    throw fault('cannot be opened: it was changed or damaged, take it from a backup');
  }
}

function sealingKey(signer: Ed25519Signer): Uint8Array {
  return hkdf(signer.sign(SEAL_TEXT), toUtf8('DCP-NODE-SEALED-SEED-V1'));
}

function bound(key: string): Uint8Array {
  return toUtf8(`${FORMAT}\0${key}`);
}

function parsed(text: string): SealedRoot | undefined {
  try {
    const file = JSON.parse(text) as Partial<SealedRoot> | null;
    const texts = [file?.format, file?.key, file?.nonce, file?.sealed];
    return texts.every((one) => typeof one === 'string') && file?.format === FORMAT ? (file as SealedRoot) : undefined;
  } catch {
    return undefined;
  }
}

function fault(problem: string): ConfigError {
  return new ConfigError([{ variable: nodeKeyNames.sealedSeedFile, problem }]);
}
