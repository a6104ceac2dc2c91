import type { Handle, Template } from 'pkcs11js';
import { ConfigError } from '../../config/config-error.js';
import { nodeKeyNames } from '../node-key-config.js';
import {
  CKM_EC_EDWARDS_KEY_PAIR_GEN,
  CKM_EDDSA,
  givenPrivateKey,
  givenPublicKey,
  newPrivateKey,
  newPublicKey,
  pointBytes,
  privateKeyNamed,
  publicKeyNamed,
} from './ed25519-objects.js';
import { answerOf, HsmError } from './hsm-error.js';
import type { HsmPlace } from './hsm-place.js';
import { login } from './login.js';
import type { Pkcs11Module } from './pkcs11-module.js';
import { findSlot } from './slots.js';

/** A key on the token: a handle that is good while the session is. */
export interface HsmKey {
  readonly handle: Handle;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** One token of an HSM, with this process logged in. All calls are synchronous, as PKCS#11 is. */
export class HsmToken {
  #session: Handle | undefined;
  /** Private to the language, not only to the compiler: the PIN is in it, and nothing shall print it. */
  readonly #place: HsmPlace;

  constructor(
    private readonly module: Pkcs11Module,
    place: HsmPlace,
    private readonly mayWrite: boolean,
  ) {
    this.#place = place;
  }

  /** Begins anew, whatever state the library was in: a token that was away is seen only after C_Initialize. */
  open(): void {
    const { addon, calls } = this.module;
    this.close();
    this.#call('C_Initialize', () => calls.C_Initialize());
    const slot = findSlot(this.module, this.#place.token);
    const flags = addon.CKF_SERIAL_SESSION | (this.mayWrite ? addon.CKF_RW_SESSION : 0);
    this.#session = this.#call('C_OpenSession', () => calls.C_OpenSession(slot, flags));
    login(this.module, slot, this.#session, this.#place);
  }

  /** Ends the session and the login. */
  close(): void {
    this.#session = undefined;
    try {
      this.module.calls.C_Finalize();
    } catch {
      // It was not open, or is broken: there is nothing to end then.
    }
  }

  /** The one Ed25519 key of this label, or undefined. Throws a ConfigError when it is not clear which, or not fit. */
  findKey(label: string): HsmKey | undefined {
    const { addon } = this.module;
    const handles = this.#find(privateKeyNamed(addon, label));
    if (handles.length > 1)
      throw keyFault(`the token holds several Ed25519 keys named "${label}": give each its own label`);
    const [handle] = handles;
    if (handle === undefined) return undefined;
    if (this.#attribute(handle, addon.CKA_EXTRACTABLE)?.[0] === 1)
      throw keyFault(`the key "${label}" may be taken out of the HSM (CKA_EXTRACTABLE): make one that may not`);
    return { handle, publicKey: this.#publicKey(label) };
  }

  /** A new key pair, which never leaves the token. */
  makeKey(label: string): void {
    const { addon, calls } = this.module;
    const mechanism = { mechanism: CKM_EC_EDWARDS_KEY_PAIR_GEN };
    this.#call('C_GenerateKeyPair', () =>
      calls.C_GenerateKeyPair(this.#open, mechanism, newPublicKey(addon, label), newPrivateKey(addon, label)),
    );
  }

  /** Gives the token a key that was made elsewhere: both halves or none. The caller wipes the seed. */
  importKey(label: string, seed: Uint8Array, publicKey: Uint8Array): void {
    const { addon, calls } = this.module;
    const copy = Buffer.from(seed);
    const create = (template: Template) =>
      this.#call('C_CreateObject', () => calls.C_CreateObject(this.#open, template));
    const half = create(givenPublicKey(addon, label, publicKey));
    try {
      create(givenPrivateKey(addon, label, copy));
    } catch (error) {
      this.#call('C_DestroyObject', () => calls.C_DestroyObject(this.#open, half));
      throw error;
    } finally {
      copy.fill(0);
    }
  }

  /** The raw 64-byte signature. */
  sign({ handle }: HsmKey, message: Uint8Array): Uint8Array {
    const { calls } = this.module;
    return this.#call('C_Sign', () => {
      calls.C_SignInit(this.#open, { mechanism: CKM_EDDSA }, handle);
      return new Uint8Array(calls.C_Sign(this.#open, Buffer.from(message), Buffer.alloc(64)));
    });
  }

  /** The public half lies beside the private one, under the same label. */
  #publicKey(label: string): Uint8Array {
    const { addon } = this.module;
    const [handle, second] = this.#find(publicKeyNamed(addon, label));
    if (handle === undefined || second !== undefined)
      throw keyFault(`the token needs one public key object named "${label}" beside the private one`);
    const bytes = pointBytes(this.#attribute(handle, addon.CKA_EC_POINT) ?? Buffer.alloc(0));
    if (bytes === undefined) throw keyFault(`the key "${label}" is no Ed25519 key`);
    return bytes;
  }

  #find(template: Template): Handle[] {
    const { calls } = this.module;
    return this.#call('C_FindObjects', () => {
      calls.C_FindObjectsInit(this.#open, template);
      const found = calls.C_FindObjects(this.#open, 2);
      calls.C_FindObjectsFinal(this.#open);
      return found;
    });
  }

  /** Undefined where the module does not tell. */
  #attribute(handle: Handle, type: number): Buffer | undefined {
    try {
      const [attribute] = this.module.calls.C_GetAttributeValue(this.#open, handle, [{ type }]);
      return attribute?.value as Buffer | undefined;
    } catch {
      return undefined;
    }
  }

  get #open(): Handle {
    if (this.#session === undefined) throw new HsmError('the session with the HSM is not open');
    return this.#session;
  }

  #call<T>(name: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof HsmError) throw error;
      throw new HsmError(`the HSM answered ${answerOf(error)} to ${name}`);
    }
  }
}

function keyFault(problem: string): ConfigError {
  return new ConfigError([{ variable: nodeKeyNames.hsmKey, problem }]);
}
