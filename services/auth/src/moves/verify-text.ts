import { parseKey, verifySigned } from '@dcp/crypto';
import type { VerifyText } from '@dcp/protocol';

/** As `checkMove` wants it: false for what is no Ed25519 key. */
export const verifyText: VerifyText = (key, preimage, signature) => {
  try {
    return verifySigned(parseKey(key).bytes, preimage, signature);
  } catch {
    return false;
  }
};
