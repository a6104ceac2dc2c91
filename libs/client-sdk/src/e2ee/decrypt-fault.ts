/**
 * Why a message could not be read.
 *  - `no_key`: its sender key has not come; it is asked for again by itself
 *  - `not_shared`: the owner of the key refused it (one was no member then)
 *  - `replayed`: its one-time key was used up; what it said is not in the archive
 *  - `tampered`: signature right, ciphertext wrong
 *  - `bad_signature`, `unknown_device`: not from whom it says it is
 *  - `not_a_member`: its author was none, or the node will not tell what would prove it (`fault` says why)
 *  - `malformed`: not what an encrypted message looks like, or this client fails on it (`fault` says why)
 */
export type DecryptFault =
  | 'no_key'
  | 'not_shared'
  | 'replayed'
  | 'tampered'
  | 'bad_signature'
  | 'unknown_device'
  | 'not_a_member'
  | 'malformed';

export class DecryptError extends Error {
  override readonly name = 'DecryptError';
  constructor(readonly fault: DecryptFault) {
    super(`the message cannot be read: ${fault}`);
  }
}
