import type { NodeInfo, NodePolicy, PublicJwk } from '@dcp/contracts';
import { toBase64 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { type AuthConfig, registrationOf } from '../config.js';
import type { ProofOfWork } from '../accounts/proof-of-work.js';
import type { FormerKeys } from './former-keys.js';
import type { NodeKey } from './node-key.js';

const VERSION = '1.0.0';

/** What a node says of itself (profile §2). */
export class NodeService {
  /** Of this second. */
  #signed: Record<string, unknown> | undefined;

  constructor(
    private readonly config: AuthConfig,
    private readonly key: NodeKey,
    private readonly work: ProofOfWork,
    private readonly clock: Clock,
    private readonly former: FormerKeys,
  ) {}

  info(): NodeInfo {
    return { id: this.key.nodeId, name: this.config.nodeName, version: VERSION, features: [...this.config.features] };
  }

  describe(): { document: Record<string, unknown>; info: NodeInfo; policy: NodePolicy } {
    const policy = { registration: registrationOf(this.config), proof_of_work: this.work.offer() };
    return { document: this.#document(), info: this.info(), policy };
  }

  jwks(): { keys: PublicJwk[] } {
    const x = toBase64(this.key.tokenPublicKey).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const now = this.clock.now();
    const former = this.former.tokenKeys.filter(({ until }) => Date.parse(until) > now);
    return { keys: [{ kid: this.key.tokenKeyId, x }, ...former.map(({ kid, x: old }) => ({ kid, x: old }))].map(jwk) };
  }

  /** `/.well-known/dcp/node.json`, signed (TYPE NODE). */
  #document(): Record<string, unknown> {
    const sequence = Math.floor(this.clock.now() / 1000);
    if (this.#signed?.['sequence'] !== sequence) this.#signed = this.#sign(sequence);
    return this.#signed;
  }

  #sign(sequence: number): Record<string, unknown> {
    const { publicUrl } = this.config;
    const document = {
      ...this.info(),
      keys: [this.key.publicKey, this.key.postQuantumKey],
      endpoints: publicUrl === undefined ? [] : [publicUrl.replace(/^http/, 'ws').replace(/\/$/, '')],
      // No other node can open a link to this one (profile §6).
      binding: 'none',
      registration: registrationOf(this.config),
      ...(this.former.rotations.length === 0 ? {} : { rotations: this.former.rotations }),
      // One content for one number, on every replica; the post-quantum signatures under it differ.
      issued: new Date(sequence * 1000).toISOString(),
      sequence,
    };
    return this.key.signDocument(document);
  }
}

function jwk({ kid, x }: { kid: string; x: string }): PublicJwk {
  return { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' };
}
