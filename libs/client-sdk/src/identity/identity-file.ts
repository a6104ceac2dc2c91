import {
  ed25519PublicKey,
  formatKey,
  fromBase64,
  fromUtf8,
  generateEd25519KeyPair,
  openEncryptedData,
  parseKey,
  randomBytes,
  SecretBytes,
  signDigest,
  toBase32,
  toBase64,
  toUtf8,
  verifySigned,
  constantTimeEqual,
  deriveMasterKey,
  newKdfParameters,
  retrievalKey,
  sealWithMasterKey,
  sha256,
} from '@dcp/crypto';
import {
  encryptedDataContext,
  formatUserId,
  invalidFormat,
  parseIdentityFile,
  signingInput,
  type AccountType,
  type IdentityFile,
  type IdentitySection,
  type Preferences,
} from '@dcp/protocol';

export interface NewIdentity {
  /** The wish; `-` and four random characters are added (profile §2), so that names rarely collide. */
  username: string;
  displayName?: string;
  /** Where the account will live: `wss://host` and the id that the node's `GET /api/v1/node` told. */
  homeNode: { id: string; endpoint: string; name?: string };
  accountType?: AccountType;
  preferences?: Preferences;
  /** Argon2id (64 MiB, t = 3) unless `pbkdf2` is asked for (§4.4). */
  kdf?: 'argon2id' | 'pbkdf2';
}

/** An identity file and, while it is open, its private key. */
export interface OpenIdentity {
  file: IdentityFile;
  /** The Ed25519 identity key; it signs only IDENTITY, DEVICE, MOVE and recovery (profile §3). */
  seed: SecretBytes;
  /** Of a file that was just sealed: what the node needs to hand it to a new device for the passphrase (profile §3), base64. */
  retrievalHash?: string;
}

/** What `encrypted_data` holds, as JSON. */
interface SealedSecrets {
  version: 1;
  identity_key: string;
}

const DEFAULT_PREFERENCES: Preferences = {
  notifications: { enabled: true },
  privacy: { show_online_status: true, allow_direct_messages: true },
  blocked_users: [],
  aliases: { users: {}, channels: {} },
};

/** Makes a new identity (§4.4): a random key, sealed by the passphrase. `ready()` of the crypto library must have been awaited. */
export async function createIdentity(wish: NewIdentity, passphrase: string): Promise<OpenIdentity> {
  const { publicKey, seed } = generateEd25519KeyPair();
  const identity = identityOf(wish, formatKey('ed25519', publicKey));
  const { id, endpoint, name } = wish.homeNode;
  const joined = identity.created;
  const file = {
    version: '1.0',
    identity,
    preferences: wish.preferences ?? DEFAULT_PREFERENCES,
    home_node: { id, endpoint, ...(name === undefined ? {} : { name }), joined },
    account_type: wish.accountType ?? 'standard',
  };
  const { encrypted_data, retrievalHash } = await sealSecrets(file, seed, passphrase, wish.kdf);
  const signature = signDigest(seed, signingInput('IDENTITY', identity));
  return { file: parseIdentityFile({ ...file, encrypted_data, signature }), seed, retrievalHash };
}

function identityOf(wish: NewIdentity, publicKey: string): IdentitySection {
  const username = `${wish.username}-${toBase32(randomBytes(3)).slice(0, 4)}`;
  return {
    full_id: formatUserId(wish.homeNode.id, username),
    home_node_id: wish.homeNode.id,
    username,
    ...(wish.displayName === undefined ? {} : { display_name: wish.displayName }),
    public_key: publicKey,
    created: new Date().toISOString(),
  };
}

async function sealSecrets(
  file: Pick<IdentityFile, 'identity' | 'home_node' | 'account_type'>,
  seed: SecretBytes,
  passphrase: string,
  kdf: 'argon2id' | 'pbkdf2' = 'argon2id',
): Promise<{ encrypted_data: string; retrievalHash: string }> {
  const secrets: SealedSecrets = { version: 1, identity_key: toBase64(seed.reveal()) };
  const parameters = newKdfParameters(kdf);
  const master = await deriveMasterKey(passphrase, parameters);
  try {
    const sealed = sealWithMasterKey(master, parameters, toUtf8(JSON.stringify(secrets)), encryptedDataContext(file));
    return { encrypted_data: toBase64(sealed), retrievalHash: toBase64(sha256(retrievalKey(master).reveal())) };
  } finally {
    master.wipe();
  }
}

/**
 * Checks a file: shape and required members (§4.2), ids that agree, the signature over the identity section. Throws 2000 naming
 * the member, 9002 for another version. Returns the file with every unknown member kept.
 */
export function verifyIdentityFile(value: unknown): IdentityFile {
  const file = parseIdentityFile(value);
  const key = identityKey(file);
  if (!verifySigned(key, signingInput('IDENTITY', file.identity), file.signature)) {
    throw invalidFormat('the signature does not match the identity section', 'signature');
  }
  return file;
}

function identityKey(file: IdentityFile): Uint8Array {
  try {
    return parseKey(file.identity.public_key).bytes;
  } catch {
    throw invalidFormat('not an Ed25519 key', 'identity.public_key');
  }
}

/** Opens a file. Throws CryptoError `wrong_passphrase`, and 2000 when the sealed key is not the file's. */
export async function openIdentity(value: unknown, passphrase: string): Promise<OpenIdentity> {
  const file = verifyIdentityFile(value);
  const sealed = fromBase64(file.encrypted_data);
  const secrets = JSON.parse(
    fromUtf8(await openEncryptedData(passphrase, sealed, encryptedDataContext(file))),
  ) as SealedSecrets;
  const seed = new SecretBytes(fromBase64(secrets.identity_key));
  if (!constantTimeEqual(ed25519PublicKey(seed), identityKey(file))) {
    seed.wipe();
    throw invalidFormat('the sealed key belongs to another identity', 'encrypted_data');
  }
  return { file, seed };
}

/** The same identity under a new passphrase; nothing but `encrypted_data` changes. */
export async function changePassphrase(
  open: OpenIdentity,
  passphrase: string,
  kdf?: 'argon2id' | 'pbkdf2',
): Promise<OpenIdentity & { retrievalHash: string }> {
  const { encrypted_data, retrievalHash } = await sealSecrets(open.file, open.seed, passphrase, kdf);
  return { file: { ...open.file, encrypted_data }, seed: open.seed, retrievalHash };
}

/** A changed profile, newly signed and sealed (the seal covers the identity section, so the passphrase is needed). */
export async function changeProfile(
  open: OpenIdentity,
  changes: Partial<Pick<IdentitySection, 'display_name' | 'avatar' | 'bio' | 'pronouns' | 'metadata'>>,
  passphrase: string,
): Promise<OpenIdentity> {
  const identity = { ...open.file.identity, ...changes };
  const file = { ...open.file, identity };
  const { encrypted_data, retrievalHash } = await sealSecrets(file, open.seed, passphrase);
  const signature = signDigest(open.seed, signingInput('IDENTITY', identity));
  return { file: parseIdentityFile({ ...file, encrypted_data, signature }), seed: open.seed, retrievalHash };
}
