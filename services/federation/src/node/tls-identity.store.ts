import { CryptoError, fromUtf8, open, randomBytes, seal, toUtf8 } from '@dcp/crypto';
import type { PrismaClient } from '../database.js';
import { selfSigned, type TlsIdentity } from './certificate.js';
import type { NodeKey } from './node-key.js';

const NONCE = 12;
const ONLY_ROW = 1;

/** The certificate that a node makes for itself at its first start; all instances use the one that was written first. */
export class TlsIdentityStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly key: NodeKey,
  ) {}

  async own(now: number): Promise<TlsIdentity> {
    return (await this.#read()) ?? (await this.#make(now));
  }

  async #make(now: number): Promise<TlsIdentity> {
    const { certificate, privateKey } = await selfSigned(this.key.nodeId, now);
    const data = { id: ONLY_ROW, certificate, privateKey: this.#seal(privateKey) };
    await this.prisma.tlsIdentity.createMany({ data, skipDuplicates: true });
    const kept = await this.#read();
    if (kept === undefined) throw new Error('the certificate of this node was removed while it was made');
    return kept;
  }

  async #read(): Promise<TlsIdentity | undefined> {
    const row = await this.prisma.tlsIdentity.findUnique({ where: { id: ONLY_ROW } });
    if (row === null) return undefined;
    try {
      return { certificate: row.certificate, privateKey: this.#open(row.privateKey) };
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      // Sealed with a former key of the node: nobody can open it any more, and a new one is as good.
      await this.prisma.tlsIdentity.deleteMany({ where: { id: ONLY_ROW, privateKey: row.privateKey } });
      return undefined;
    }
  }

  #seal(text: string): Uint8Array<ArrayBuffer> {
    const nonce = randomBytes(NONCE);
    return new Uint8Array([...nonce, ...seal(this.key.tlsSecret, nonce, toUtf8(text))]);
  }

  #open(sealed: Uint8Array): string {
    return fromUtf8(open(this.key.tlsSecret, sealed.subarray(0, NONCE), sealed.subarray(NONCE)));
  }
}
