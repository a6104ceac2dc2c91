import { AUTH } from '@dcp/contracts';
import type { Bus, Clock } from '@dcp/node-kit';
import { type LinkBinding, type NodeDocument, withoutSignatures } from '@dcp/protocol';
import type { NodeKey } from './node-key.js';

/** What the listener knows of itself once its port is open. */
export interface Doorplate {
  /** `DCP_FEDERATION_URL`, when it was given. */
  url: string | undefined;
  host: string;
  port: number;
  /** `exporter`, or `spki` behind an edge that ends TLS. */
  binding: LinkBinding;
  /** `sha256:` of the public keys of the certificates that others meet. */
  spki: string[];
}

export const LINK_PATH = '/federation/v1';
const CACHE_MS = 2_000;
const ANY_HOST = new Set(['0.0.0.0', '::', '']);

/** The node's document with what other nodes need to open a link (profile §6): address, binding, key of the certificate. */
export class OwnDocument {
  #kept: { at: number; document: Promise<NodeDocument> } | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly key: NodeKey,
    private readonly clock: Clock,
    private readonly doorplate: () => Doorplate,
  ) {}

  /** One for two seconds; throws 9001 while the auth service does not answer. */
  get(): Promise<NodeDocument> {
    const now = this.clock.now();
    if (this.#kept !== undefined && now - this.#kept.at < CACHE_MS) return this.#kept.document;
    const document = this.#make();
    this.#kept = { at: now, document };
    document.catch(() => (this.#kept = undefined));
    return document;
  }

  async #make(): Promise<NodeDocument> {
    const { document: base } = await this.bus.request(AUTH.node, {});
    const plain = withoutSignatures(base) as NodeDocument;
    const { binding, spki } = this.doorplate();
    const document = { ...plain, binding, federation: this.#url(plain), spki };
    return this.key.signDocument(document);
  }

  #url({ endpoints }: Pick<NodeDocument, 'endpoints'>): string {
    const { url, host, port } = this.doorplate();
    if (url !== undefined) return url;
    const seen = ANY_HOST.has(host) ? hostOf(endpoints[0]) : host;
    return `wss://${seen.includes(':') && !seen.startsWith('[') ? `[${seen}]` : seen}:${port}${LINK_PATH}`;
  }
}

function hostOf(endpoint: string | undefined): string {
  return endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).hostname : '127.0.0.1';
}
