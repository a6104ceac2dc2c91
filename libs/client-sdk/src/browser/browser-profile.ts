import { fromBase64, toBase64 } from '@dcp/crypto';
import type { IdentityFile } from '@dcp/protocol';
import type { MyChannel } from '../client-types.js';
import { Serial } from '../e2ee/serial.js';
import { verifyIdentityFile } from '../identity/identity-file.js';
import { restoreDevice, storeDevice, type Device, type StoredDevice } from '../session/device.js';
import type { StoredSession } from '../session/session-keeper.js';
import type { IndexedDbStorage } from './indexed-db-storage.js';

interface Sealed {
  /** base64 of 12 random bytes. */
  iv: string;
  /** base64 of AES-256-GCM ciphertext and tag; the value's name is the associated data. */
  sealed: string;
}

const SEALING_KEY = 'sealing-key';
const [IDENTITY, DEVICE, SESSION, CHANNELS] = [
  'profile/identity',
  'profile/device',
  'profile/session',
  'profile/channels',
];

/**
 * What a profile needs to start again after a reload: the identity file (sealed by its passphrase as it is), and, sealed under a key that
 * the browser keeps and does not give out, the device's keys, the session and the last list of channels. Somebody who dumps the values
 * of the database reads none of them; code that runs in this origin can use them, as it can use everything else here.
 */
export class BrowserProfile {
  private readonly line = new Serial();
  private sealing: Promise<CryptoKey> | undefined;

  constructor(readonly storage: IndexedDbStorage) {}

  async identity(): Promise<IdentityFile | undefined> {
    const file = await this.storage.get(IDENTITY);
    return file === undefined ? undefined : verifyIdentityFile(file);
  }

  async device(): Promise<Device | undefined> {
    const stored = await this.unsealed<StoredDevice>(DEVICE);
    return stored === undefined ? undefined : restoreDevice(stored);
  }

  session(): Promise<StoredSession | undefined> {
    return this.unsealed<StoredSession>(SESSION);
  }

  channels(): Promise<MyChannel[] | undefined> {
    return this.unsealed<MyChannel[]>(CHANNELS);
  }

  /** Before it is registered: an account that exists at the node but whose file nobody has would be lost. */
  saveIdentity(file: IdentityFile): Promise<void> {
    return this.storage.set(IDENTITY, file);
  }

  forgetIdentity(): Promise<void> {
    return this.storage.delete(IDENTITY);
  }

  /** Identity and device in one batch: one without the other would be of no use. */
  async saveAccount(file: IdentityFile, device: Device): Promise<void> {
    const sealed = await this.seal(DEVICE, storeDevice(device));
    await this.storage.apply(
      new Map<string, unknown>([
        [IDENTITY, file],
        [DEVICE, sealed],
        [SESSION, undefined],
      ]),
    );
  }

  saveSession(session: StoredSession): Promise<void> {
    return this.save(SESSION, session);
  }

  saveChannels(channels: readonly MyChannel[]): Promise<void> {
    return this.save(CHANNELS, channels);
  }

  /** Sealing takes a moment: what was saved later must stay. */
  private save(name: string, value: unknown): Promise<void> {
    return this.line.run(async () => await this.storage.set(name, await this.seal(name, value)));
  }

  private async seal(name: string, value: unknown): Promise<Sealed> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const text = new TextEncoder().encode(JSON.stringify(value));
    const sealed = await crypto.subtle.encrypt(parameters(iv, name), await this.key(), text);
    text.fill(0);
    return { iv: toBase64(iv), sealed: toBase64(new Uint8Array(sealed)) };
  }

  private async unsealed<T>(name: string): Promise<T | undefined> {
    const stored = await this.storage.get<Sealed>(name);
    if (stored === undefined) return undefined;
    const { iv, sealed } = stored;
    const nonce = new Uint8Array(fromBase64(iv));
    const ciphertext = new Uint8Array(fromBase64(sealed));
    const text = await crypto.subtle.decrypt(parameters(nonce, name), await this.key(), ciphertext);
    return JSON.parse(new TextDecoder().decode(text)) as T;
  }

  private key(): Promise<CryptoKey> {
    this.sealing ??= this.findKey();
    return this.sealing;
  }

  /** Made once for each profile; not extractable, so that it exists in this browser's own store only. */
  private async findKey(): Promise<CryptoKey> {
    const found = (await this.storage.getMeta(SEALING_KEY)) as CryptoKey | undefined;
    if (found !== undefined) return found;
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    await this.storage.setMeta(SEALING_KEY, key);
    return key;
  }
}

/** The name is the associated data: sealed values cannot be swapped. */
function parameters(iv: BufferSource, name: string): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(name) };
}
