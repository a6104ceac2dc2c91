import type { Session } from '@dcp/contracts';
import { fromBase64, parseKey, sha256, toUtf8, verifySigned } from '@dcp/crypto';
import { canonicalJson, DcpError, invalidFormat, type Prekey, signingInput } from '@dcp/protocol';
import { ownDevice } from '../own-device.js';
import type { NewPrekey } from './prekey.store.js';

/** JCS bytes of one prekey: all that the schema knows fits in, at its longest. 150 of them fit into one bus message. */
const MAX_PREKEY_BYTES = 3_072;
/** A prekey is handed out by its own date: one from the future could not be replaced before that. */
const MAX_SKEW_MS = 24 * 3_600_000;
const KEY_BYTES = { x25519: 32, 'ml-kem-768': 1_184 } as const;

/** Prekeys as they are kept. Throws 1002 for another's, 2000 for what is none or is not signed by the device. */
export function checkPrekeys(session: Session, epoch: number, prekeys: Prekey[], now: number): NewPrekey[] {
  const { user_id, device } = ownDevice(session);
  const signer = parseKey(session.key).bytes;
  return prekeys.map((prekey, at) => {
    if (prekey.user_id !== user_id || prekey.device !== device)
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'foreign_prekey' });
    if (prekey.epoch !== epoch) throw invalidFormat('not of this epoch', `prekeys.${at}.epoch`);
    if (!isKey(prekey.key)) throw invalidFormat('not a key of its algorithm', `prekeys.${at}.key`);
    const createdAt = new Date(prekey.created);
    if (createdAt.getTime() > now + MAX_SKEW_MS) throw clockSkew(`prekeys.${at}.created`, now);
    if (!verifySigned(signer, signingInput('PREKEY', prekey), prekey.signature))
      throw invalidFormat('signature', `prekeys.${at}.signature`);
    return { kind: prekey.kind, id: prekey.id, createdAt, ...bodyOf(prekey) };
  });
}

/** Once each: the same prekey may be named twice, two different ones under one name may not. */
export function distinctPrekeys(prekeys: NewPrekey[]): NewPrekey[] {
  const byName = new Map<string, NewPrekey>();
  for (const prekey of prekeys) {
    const known = byName.get(nameOf(prekey));
    if (known !== undefined && known.body !== prekey.body) throw differs(prekey);
    byName.set(nameOf(prekey), prekey);
  }
  return [...byName.values()];
}

/** Another prekey has this id: 2007. */
export function differs({ kind, id }: Pick<NewPrekey, 'kind' | 'id'>): DcpError {
  return new DcpError('CONFLICT', { reason: 'prekey_differs', kind, id });
}

export function nameOf({ kind, id }: Pick<NewPrekey, 'kind' | 'id'>): string {
  return `${kind}/${id}`;
}

function clockSkew(path: string, now: number): DcpError {
  return new DcpError('INVALID_MESSAGE_FORMAT', {
    reason: 'clock_skew',
    path,
    server_time: new Date(now).toISOString(),
  });
}

function bodyOf(prekey: Prekey): { body: string; hash: Uint8Array } {
  const body = canonicalJson(prekey);
  const bytes = toUtf8(body);
  if (bytes.length > MAX_PREKEY_BYTES) throw new DcpError('MESSAGE_TOO_LARGE', { max_size: MAX_PREKEY_BYTES });
  return { body, hash: sha256(bytes) };
}

function isKey(text: string): boolean {
  const [algorithm, body = ''] = text.split(':');
  try {
    return fromBase64(body).length === KEY_BYTES[algorithm as keyof typeof KEY_BYTES];
  } catch {
    return false;
  }
}
