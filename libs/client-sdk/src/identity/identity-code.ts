import { fromBase64, fromUtf8, toBase64, toUtf8 } from '@dcp/crypto';
import { DcpError, type IdentityFile } from '@dcp/protocol';
import { verifyIdentityFile } from './identity-file.js';

const SCHEME = 'dcp-id:';

/**
 * The identity file as one line, for a QR code that a new device reads from an old one (profile §3). It is sealed as ever: the passphrase
 * has to be typed on the new device. Preferences stay behind; the node has them.
 */
export function identityCode(file: IdentityFile): string {
  const { version, identity, home_node, account_type, encrypted_data, signature } = file;
  const text = JSON.stringify({ version, identity, home_node, account_type, encrypted_data, signature });
  return SCHEME + toBase64(toUtf8(text)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The file of a code, or of a file's own text. Throws INVALID_MESSAGE_FORMAT when it is neither or its signature is wrong. */
export function readIdentity(text: string): IdentityFile {
  const trimmed = text.trim();
  try {
    const json = trimmed.startsWith(SCHEME) ? fromUtf8(fromBase64(trimmed.slice(SCHEME.length))) : trimmed;
    return verifyIdentityFile(JSON.parse(json));
  } catch (error) {
    if (error instanceof DcpError) throw error;
    throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'not an identity file or code' });
  }
}
