/** The published vectors in `vectors/`, as they stand on disk. */
import { readFileSync } from 'node:fs';

interface KeyScheduleVectors {
  keys: {
    passphrase: string;
    passphrase_bytes: string;
    salt: string;
    master_key: string;
    signing_key: string;
    encryption_key: string;
    function_key: string;
    retrieval_key: string;
  }[];
  message: {
    conversation_key: string;
    nonce: string;
    message_key: string;
    additional_data: string;
    plaintext: string;
    ciphertext_and_tag: string;
  }[];
}

type KdfVector =
  | { kdf: 'pbkdf2'; iterations: number; salt: string }
  | { kdf: 'argon2id'; memory_kib: number; passes: number; salt: string };

interface EncryptedDataVectors {
  passphrase: string;
  plaintext: string;
  additional_data: string;
  opens: {
    name: string;
    kdf: KdfVector;
    nonce: string;
    master_key: string;
    retrieval_key: string;
    encrypted_data: string;
  }[];
  refused: { name: string; encrypted_data: string; error: string }[];
}

interface KeysAndSignaturesVectors {
  seed: string;
  public_key_raw: string;
  public_key: string;
  key_texts_accepted: { name: string; text: string }[];
  key_texts_refused: { name: string; text: string }[];
  valid: { type: string; jcs: string; preimage: string; digest: string; hash: string; signature: string }[];
  invalid: { name: string; public_key: string; preimage: string; signature: string }[];
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${name}.json`, import.meta.url), 'utf8')) as T;
}

export const keySchedule = read<KeyScheduleVectors>('key-schedule');
export const encryptedData = read<EncryptedDataVectors>('encrypted-data');
export const keysAndSignatures = read<KeysAndSignaturesVectors>('keys-and-signatures');
