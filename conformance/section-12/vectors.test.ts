import { describe, expect, it } from '@jest/globals';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { base32 } from '../stranger/encodings.js';
import { type Dict, jcs } from '../stranger/json.js';
import { objectDigest, verifies } from '../stranger/keys.js';
import { safetyNumber } from '../stranger/safety-number.js';
import {
  chainStep,
  conversationKeyAt,
  headOf,
  hkdf,
  messageAad,
  messageKey,
  open,
  pad,
  seal,
  SIZES,
  unpad,
} from '../stranger/sealed-message.js';
import { hex, hexAt, vectors } from '../stranger/vectors.js';
import { openExtended, sealExtended } from '../stranger/xchacha.js';

type Texts = Record<string, string>;

describe('Appendix A and §12.1: the published vectors, by code that knows only the paper', () => {
  it('[DCP-A-01] [DCP-A-02] [DCP-A-03] [DCP-12.1-03] keys from the passphrase', () => {
    for (const key of vectors<{ keys: Texts[] }>('key-schedule').keys) {
      const master = pbkdf2Sync(hexAt(key, 'passphrase_bytes'), hexAt(key, 'salt'), 100_000, 32, 'sha256');
      expect(master.toString('hex')).toBe(key['master_key']);
      for (const name of ['signing', 'encryption', 'function']) {
        const label = `DCP-${name.toUpperCase()}-KEY-V1`;
        expect(hkdf(master, label).toString('hex')).toBe(key[`${name}_key`]);
      }
      expect(hkdf(master, 'DCP-RETRIEVAL-V1').toString('hex')).toBe(key['retrieval_key']);
    }
  });

  it('[DCP-6.3-01] [DCP-12.1-01] [DCP-A-04] a message is sealed under HKDF(conversation key, nonce) and opens only whole', () => {
    for (const one of vectors<{ messages: Texts[] }>('message-seal').messages) {
      const [nonce, aad, plaintext] = [hexAt(one, 'nonce'), hexAt(one, 'additional_data'), hexAt(one, 'plaintext')];
      const key = messageKey(hexAt(one, 'conversation_key'), nonce);
      expect(key.toString('hex')).toBe(one['message_key']);
      const sealed = seal(key, nonce, plaintext, aad);
      expect(sealed.toString('hex')).toBe(one['ciphertext']);
      expect(open(key, nonce, sealed, aad)).toEqual(plaintext);
      for (let i = 0; i < sealed.length; i += 7) {
        const changed = Buffer.from(sealed);
        changed[i] = (changed[i] ?? 0) ^ 1;
        expect(() => open(key, nonce, changed, aad)).toThrow();
      }
      expect(() => open(key, nonce, sealed, Buffer.concat([aad, Buffer.from([0])]))).toThrow();
    }
  });

  it('[DCP-12.4-05] padding: five sizes, and nothing else is read', () => {
    type Padding = { opens: Texts[]; refused: Texts[] };
    const { opens, refused } = vectors<Padding>('message-padding');
    for (const one of opens) {
      const [content, padded] = [hexAt(one, 'content'), hexAt(one, 'padded')];
      expect(unpad(padded)).toEqual(content);
      if (padded[0] === 0) expect(pad(content)).toEqual(padded);
    }
    for (const { name, padded } of refused) {
      expect({ name, opens: attempt(() => unpad(hex(padded ?? ''))) }).toEqual({ name, opens: false });
    }
    expect(SIZES).toContain(pad(Buffer.alloc(45_051)).length);
    expect(() => pad(Buffer.alloc(45_052))).toThrow();
  });

  it('[DCP-6.3-04] a sender key is a chain that goes forward only', () => {
    const { chain_key, steps } = vectors<{ chain_key: string; steps: (Dict & { n: number })[] }>('sender-key');
    let chain = hex(chain_key);
    for (let n = 0; n <= 999; n++) {
      const step = steps.find((one) => one.n === n);
      if (step !== undefined) {
        expect(chain.toString('hex')).toBe(step['chain_key']);
        const expected = String(step['conversation_key']);
        expect(chainStep(chain).conversationKey.toString('hex')).toBe(expected);
        expect(conversationKeyAt(hex(chain_key), 0, n).toString('hex')).toBe(expected);
      }
      chain = chainStep(chain).next;
    }
  });

  it('a sealed state is XChaCha20-Poly1305 with its name', () => {
    for (const one of vectors<{ states: Texts[] }>('sealed-state').states) {
      const aad = Buffer.from(`DCP-STATE-V1\0${one['context']}`);
      const sealed = sealExtended(hexAt(one, 'key'), hexAt(one, 'nonce'), hexAt(one, 'state'), aad);
      expect(`01${sealed.toString('hex')}`).toBe(one['sealed']);
      expect(openExtended(hexAt(one, 'key'), sealed, aad)).toEqual(hexAt(one, 'state'));
    }
  });

  it('safety numbers', () => {
    type Numbers = { numbers: { parties: [Dict, Dict]; safety_number: string }[] };
    for (const { parties, safety_number } of vectors<Numbers>('safety-number').numbers) {
      const [one, other] = parties.map((party) => ({
        userId: String(party['user_id']),
        key: hexAt(party, 'identity_key'),
      }));
      if (one === undefined || other === undefined) throw new Error('two parties');
      expect([safetyNumber(one, other), safetyNumber(other, one)]).toEqual([safety_number, safety_number]);
    }
  });

  it('[DCP-A-05] signatures are over SHA-256 of the labelled canonical form', () => {
    type Signatures = { public_key: string; valid: Texts[] };
    const { public_key, valid } = vectors<Signatures>('keys-and-signatures');
    for (const { type = '', jcs: form = '', digest, signature = '' } of valid) {
      const object = JSON.parse(form) as Dict;
      expect(jcs(object)).toBe(form);
      const hash = objectDigest(type, object);
      expect(hash.toString('hex')).toBe(digest);
      expect(verifies(public_key, hash, signature)).toBe(true);
    }
  });
});

describe('the worked values of the protocol’s page', () => {
  const [a, b] = ['a7f3k9m2.alice-river-7x9k', 'b8x1n5p4.bob-smith-2x1m'];
  const dm = 'ch_ap5zgtpfdowbzp5pkjp2q2tlts44l2tezqqn47ucwadsjln565vq';
  const entry = {
    action: 'add',
    capabilities: ['text', 'ml-kem-768'],
    created: '2026-11-01T10:00:00.000Z',
    device: 'dev_a1b2c3d4e5f6g7h8',
    exchange_key: `x25519:${Buffer.alloc(32, 2).toString('base64')}`,
    name: 'phone',
    prev: null,
    seq: 1,
    signature: `ed25519:${Buffer.alloc(64, 3).toString('base64')}`,
    signing_key: `ed25519:${Buffer.alloc(32, 1).toString('base64')}`,
    user_id: a,
  };
  const sha256 = (text: string) => createHash('sha256').update(text).digest();

  it('[DCP-9.2-05] the id of a DM, and the grant of a link', () => {
    expect(`ch_${base32(sha256(jcs([b, a].sort())))}`).toBe(dm);
    const grant = objectDigest('GRANT', { channel_id: dm, user_id: b, grant: 'join' }).toString('hex');
    expect(grant).toBe('f9c43e7ba7ff5c5b60af28d15bfb5dd64add045121bd7174c2caf9dce442fc27');
  });

  it('keys by label', () => {
    const seed = Buffer.alloc(32, 1);
    const keys = ['STORAGE', 'BACKUP', 'RETRIEVAL'].map((name) => hkdf(seed, `DCP-${name}-V1`).toString('hex'));
    expect(keys).toEqual([
      '47c797362b3cad15fb321897c3f04713831834bb03156ad9720f982e21d001a9',
      '21a0ca7ea224e31349b21c053477eeb49acf0df90c9cf9c7fa5fd9d60f874450',
      'd39d8e5221ff7c3841dcb3e98bacd82da3752fdb4f7b69429edf5eefdc27c16e',
    ]);
  });

  it('[DCP-12.3-05] a device entry, its hash and its head', () => {
    const digest = '4ec9ad767bc5e86708802583d084c819b005c80145f46243a2279a98d2eacaa9';
    expect(objectDigest('DEVICE', entry).toString('hex')).toBe(digest);
    const head = sha256(jcs(entry)).toString('hex');
    expect(head).toBe('1f3b765f228fd60b2e69db0bf5f080e9bef0113f0f89a57af89155024416997d');
    expect(headOf(a, `sha256:${head}`).toString('hex')).toBe('01fbf7971f3b765f228fd60b');
    expect(headOf(b, `sha256:${head}`).subarray(0, 4).toString('hex')).toBe('c8ee10b3');
  });

  it('[DCP-A-04] the additional data of a message', () => {
    const message = {
      ...{ channel_id: dm, id: 'msg_a1b2c3d4e5f6g7h8', type: 'text', timestamp: '2026-11-01T10:00:00.123Z' },
      ...{ author: a, device: entry.device },
      encryption: { algorithm: 'chacha20-poly1305', key_id: 'sk_abcdefghijklmnopqrstuvwxyz', epoch: 0, n: 7 },
    };
    const hash = createHash('sha256').update(messageAad(message)).digest('hex');
    expect(hash).toBe('68fc1040ee3c290d208eb4bf32c5c462eb30cf417069476db63453ad5f1ffbfa');
  });
});

function attempt(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
