import {
  formatKey,
  formatSignature,
  fromBase64,
  generateEd25519KeyPair,
  generateX25519KeyPair,
  randomBytes,
  sign,
  signDigest,
  sha256,
  formatHash,
  toBase32,
  toBase64,
  toUtf8,
  type SecretBytes,
} from '@dcp/crypto';
import { canonicalJson, signingInput, type DeviceEntry, type Prekey } from '@dcp/protocol';
import { call, login, type TestAccount } from './test-client.js';

/** A device with keys of its own, in the log of its account, and a session. */
export interface TestDevice {
  id: string;
  account: TestAccount;
  seed: SecretBytes;
  token: string;
  /** The entry that added it. */
  entry: DeviceEntry;
}

export async function addDevice(url: string, account: TestAccount): Promise<TestDevice> {
  const { publicKey, seed } = generateEd25519KeyPair();
  const id = `dev_${toBase32(randomBytes(10))}`;
  const signing_key = formatKey('ed25519', publicKey);
  const exchange_key = formatKey('x25519', generateX25519KeyPair().publicKey);
  const entry = await append(url, account, { action: 'add', device: id, signing_key, exchange_key });
  return { id, account, seed, entry, token: await loginDevice(url, account, id, seed, signing_key) };
}

export function revoke(url: string, account: TestAccount, device: string): Promise<DeviceEntry> {
  return append(url, account, { action: 'revoke', device });
}

export function hashOf(entry: DeviceEntry): string {
  return formatHash(sha256(toUtf8(canonicalJson(entry))));
}

async function append(url: string, account: TestAccount, change: Partial<DeviceEntry>): Promise<DeviceEntry> {
  const { token } = await login(url, account);
  const log = await call(url, `/api/v1/users/${account.userId}/devices`, { token });
  const head = (log.body as unknown as { entries: DeviceEntry[] }).entries.at(-1);
  const unsigned = {
    user_id: account.userId,
    seq: (head?.seq ?? 0) + 1,
    prev: head === undefined ? null : hashOf(head),
    created: new Date().toISOString(),
    ...change,
  };
  const entry = { ...unsigned, signature: signDigest(account.seed, signingInput('DEVICE', unsigned)) } as DeviceEntry;
  const answer = await call(url, '/api/v1/auth/devices', { method: 'POST', token, body: { entry } });
  if (answer.status !== 201) throw new Error(`not appended: ${JSON.stringify(answer.body)}`);
  return entry;
}

async function loginDevice(
  url: string,
  { userId }: TestAccount,
  device: string,
  seed: SecretBytes,
  public_key: string,
): Promise<string> {
  const asked = await call(url, '/api/v1/auth/challenge', { method: 'POST', body: { user_id: userId, device } });
  const { challenge } = asked.body as unknown as { challenge: string };
  const signature = formatSignature(sign(seed, fromBase64(challenge)));
  const answer = await call(url, '/api/v1/auth/proof', { method: 'POST', body: { challenge, signature, public_key } });
  if (answer.status !== 200) throw new Error(`not logged in: ${JSON.stringify(answer.body)}`);
  return (answer.body as unknown as { session_token: string }).session_token;
}

export function prekey({ id: device, account, seed }: TestDevice, kind: Prekey['kind'], id: number): Prekey {
  const key = kind.startsWith('kem')
    ? `ml-kem-768:${toBase64(randomBytes(1_184))}`
    : formatKey('x25519', generateX25519KeyPair().publicKey);
  const unsigned = { user_id: account.userId, device, epoch: 0, kind, id, key, created: new Date().toISOString() };
  return { ...unsigned, signature: signDigest(seed, signingInput('PREKEY', unsigned)) };
}

/** What a device publishes first, with `stock` one-time prekeys of each kind. */
export function firstPrekeys(device: TestDevice, stock: number): Prekey[] {
  const ids = Array.from({ length: stock }, (_, at) => at + 1);
  return [
    prekey(device, 'signed', 1),
    prekey(device, 'kem-last-resort', 1),
    ...ids.flatMap((id) => [prekey(device, 'one-time', id), prekey(device, 'kem', id)]),
  ];
}

export function keyMessage({ id: device, account }: TestDevice, length = 40) {
  return {
    user_id: account.userId,
    device,
    id: toBase32(randomBytes(10)),
    body: toBase64(randomBytes((length / 4) * 3)),
  };
}
