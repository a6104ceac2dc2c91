import { type Ed25519Signer, toUtf8, verify } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { ConfigError } from '../../config/config-error.js';
import { isError } from '../../errors/is-error.js';
import { nodeKeyNames } from '../node-key-config.js';
import { HsmError } from './hsm-error.js';
import type { HsmKey, HsmToken } from './hsm-token.js';

/** Longer than the 32 bytes of a digest, which is all that a node signs for others. The signature is looked at here and forgotten. */
const PROBE = toUtf8('DCP-NODE-HSM-PROBE-V1\0Whether the HSM still signs with the key of the node.');

/** An HSM that is away is asked for again so often at most: each try may block for as long as its library likes. */
const RETRY_MS = 1_000;

/** What an onlooker is told: a signature, none, and that the session was lost or is back. */
export interface HsmEvents {
  signed(): void;
  failed(): void;
  lost(reason: string): void;
  reopened(): void;
}

interface Loss {
  reason: string;
  at: number;
  /** Trying again could lock the token, or sign with a key that is not the node's. */
  isFinal: boolean;
}

/** Signs with a key of the token, and opens the session again when it was lost. */
export class HsmSigner implements Ed25519Signer {
  readonly publicKey: Uint8Array;
  /** Set by whoever watches. */
  events: HsmEvents | undefined;
  #key: HsmKey;
  #loss: Loss | undefined;
  #proven = 0;

  private constructor(
    private readonly token: HsmToken,
    private readonly label: string,
    key: HsmKey,
  ) {
    this.publicKey = key.publicKey;
    this.#key = key;
  }

  /** The signer of a key that is on the token; it has shown that it can sign. */
  static of(token: HsmToken, label: string): HsmSigner {
    const signer = new HsmSigner(token, label, found(token, label));
    signer.#prove();
    return signer;
  }

  /** Throws MAINTENANCE_MODE (9001) while the HSM does not sign. */
  sign(message: Uint8Array): Uint8Array {
    try {
      const signature = this.#signature(message);
      this.events?.signed();
      return signature;
    } catch (error) {
      this.events?.failed();
      throw new DcpError('MAINTENANCE_MODE', {}, undefined, error);
    }
  }

  /** Throws the reason when the HSM does not sign, or with another key than it should. Asks it once a second at most. */
  check(): void {
    if (this.#loss === undefined && performance.now() - this.#proven < RETRY_MS) return;
    this.#attempt(() => this.#prove());
  }

  close(): void {
    this.token.close();
  }

  #signature(message: Uint8Array): Uint8Array {
    return this.#attempt(() => this.token.sign(this.#key, message));
  }

  /** Once more after a loss: sessions end with the connection to the HSM, and there is a new one at once. */
  #attempt<T>(use: () => T): T {
    if (this.#loss === undefined) {
      try {
        return use();
      } catch (error) {
        this.#lose(error);
      }
    } else this.#waitForRetry();
    this.#reopen();
    try {
      return use();
    } catch (error) {
      this.#lose(error);
      throw error;
    }
  }

  #waitForRetry(): void {
    const { reason, at, isFinal } = this.#loss as Loss;
    if (isFinal || performance.now() - at < RETRY_MS) throw new HsmError(reason);
  }

  #reopen(): void {
    try {
      this.token.open();
      const key = found(this.token, this.label);
      if (Buffer.compare(key.publicKey, this.publicKey) !== 0) throw otherKey(this.label);
      this.#key = key;
      this.#prove();
    } catch (error) {
      this.#lose(error);
      throw error;
    }
    this.#loss = undefined;
    this.events?.reopened();
  }

  #lose(error: unknown): void {
    const reason = isError(error) ? error.message : 'the HSM does not sign';
    if (this.#loss === undefined) this.events?.lost(reason);
    this.#loss = { reason, at: performance.now(), isFinal: isFinal(error) };
  }

  #prove(): void {
    if (!verify(this.publicKey, PROBE, this.token.sign(this.#key, PROBE))) throw otherKey(this.label);
    this.#proven = performance.now();
  }
}

function found(token: HsmToken, label: string): HsmKey {
  const key = token.findKey(label);
  if (key !== undefined) return key;
  const problem = `the token holds no Ed25519 key named "${label}": npm run hsm -- init makes one`;
  throw new ConfigError([{ variable: nodeKeyNames.hsmKey, problem }]);
}

function otherKey(label: string): ConfigError {
  const problem = `the private key "${label}" on the token does not belong to the public key that the node has`;
  return new ConfigError([{ variable: nodeKeyNames.hsmKey, problem }]);
}

function isFinal(error: unknown): boolean {
  return error instanceof ConfigError && error.faults.some(({ variable }) => variable === nodeKeyNames.hsmPin);
}
