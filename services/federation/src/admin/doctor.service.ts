import type { DoctorCheck, Session } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { asDcpError, nodeIdField, type NodeDocument, parseWith } from '@dcp/protocol';
import { isLoopbackHost } from '../discovery/address-guard.js';
import type { DiscoveryService } from '../discovery/discovery.service.js';
import { fetchDocument } from '../discovery/document-fetch.js';
import type { Names } from '../discovery/names.js';
import { domainOf, originsOf } from '../discovery/origins.js';
import type { Links } from '../link/links.js';
import type { OwnDocument } from '../node/own-document.js';
import { checkDocument } from '../peers/document-checks.js';
import type { PeerStore } from '../peers/peer.store.js';
import { checkAdmin } from './peers.service.js';

export interface DoctorParts {
  document: OwnDocument;
  discovery: DiscoveryService;
  peers: PeerStore;
  names: Names;
  links: Links;
  clock: Clock;
}

const MAX_SKEW_MS = 5 * 60_000;
const LINK_MS = 10_000;

type Finding = Omit<DoctorCheck, 'check'>;

/** Looks at what must be right between two nodes, step by step, and says what to do. */
export class DoctorService {
  constructor(private readonly parts: DoctorParts) {}

  async examine(session: Session, node?: string): Promise<{ checks: DoctorCheck[] }> {
    checkAdmin(session);
    return { checks: node === undefined ? await this.#self() : await this.#other(parseWith(nodeIdField, node)) };
  }

  /** This node, as others would come to it. */
  async #self(): Promise<DoctorCheck[]> {
    const own = await this.parts.document.get();
    const url = own.federation ?? '';
    const reached = await step(
      'document',
      'open the port of DCP_FEDERATION_PORT, or set DCP_FEDERATION_URL',
      async () => {
        const found = checkDocument(await fetchDocument(originsOf(url)[0] ?? '', this.parts.names));
        const ok = found.id === own.id;
        return { ok, found: ok ? `this node answers at ${url}` : `another node (${found.id}) answers at ${url}` };
      },
    );
    return [reached, this.#loopback(own), await this.#srv(own)];
  }

  async #other(nodeId: string): Promise<DoctorCheck[]> {
    const { discovery, peers, links } = this.parts;
    const pinned = (await peers.find(nodeId))?.key;
    const checks: DoctorCheck[] = [];
    checks.push(
      await step('document', 'say where the node is: add it to DCP_KNOWN_NODES_FILE', async () => {
        const { document } = await discovery.find(nodeId);
        checks.push(this.#clock(document), this.#loopback(document));
        return { ok: true, found: document.federation ?? 'takes no links' };
      }),
    );
    checks.push(
      await step('key', 'ask its owner whether the key was changed, then forget the node here', async () => {
        const now = (await peers.find(nodeId))?.key ?? 'none';
        return { ok: pinned === undefined || pinned === now, found: now };
      }),
      await step('link', 'see what its owner finds with the same command', async () => {
        const way = await links.reach(nodeId, undefined, LINK_MS);
        return { ok: true, found: typeof way === 'string' ? 'up at another instance' : 'up' };
      }),
    );
    return checks;
  }

  #clock({ issued }: NodeDocument): DoctorCheck {
    const skew = Math.round((Date.parse(issued) - this.parts.clock.now()) / 1000);
    const ok = Math.abs(skew) * 1000 < MAX_SKEW_MS;
    const found = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead'}`;
    return { check: 'clock', ok, found, ...(ok ? {} : { fix: 'let both machines keep time by NTP' }) };
  }

  #loopback({ federation = '' }: NodeDocument): DoctorCheck {
    const host = URL.canParse(federation) ? new URL(federation).hostname : '';
    const ok = !isLoopbackHost(host);
    const fix = 'only its own machine finds it there: set DCP_FEDERATION_HOST and DCP_FEDERATION_URL';
    return { check: 'loopback', ok, found: host, ...(ok ? {} : { fix }) };
  }

  /** Without a record the node is found by hints only; with one, the first target should be this port. */
  async #srv({ endpoints, federation = '' }: NodeDocument): Promise<DoctorCheck> {
    return await step('srv', 'let _dcp._tcp of the domain name this host and port', async () => {
      const domain = domainOf(endpoints[0] ?? '');
      if (domain === undefined) return { ok: true, found: 'no domain, no record needed' };
      const [first] = await this.parts.names.targets(domain);
      if (first === undefined) return { ok: true, found: `no record at ${domain}: nodes find it by its name` };
      const found = `${first.name}:${first.port}`;
      return { ok: originsOf(federation).includes(`https://${found}`) || first.port === 443, found };
    });
  }
}

async function step(check: DoctorCheck['check'], fix: string, work: () => Promise<Finding>): Promise<DoctorCheck> {
  try {
    const finding = await work();
    return { check, ...finding, ...(finding.ok ? {} : { fix }) };
  } catch (error) {
    const { code, details } = asDcpError(error);
    const found = typeof details['reason'] === 'string' ? `${code} ${details['reason']}` : code;
    return { check, ok: false, found, fix };
  }
}
