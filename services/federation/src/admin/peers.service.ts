import type { PeerSummary, Session } from '@dcp/contracts';
import { DcpError, nodeIdField, parseWith } from '@dcp/protocol';
import type { FeedService } from '../feed/feed.service.js';
import type { Links } from '../link/links.js';
import type { KnownPeer, PeerStore } from '../peers/peer.store.js';
import type { TrustLevels } from '../trust/trust-levels.js';

const PAGE = 200;

/** Throws 1002: other nodes are the owner's business. */
export function checkAdmin({ admin }: Session): void {
  if (!admin) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_the_owner' });
}

/** The nodes that this one has to do with, for its owner. What is live is as this instance sees it. */
export class PeersService {
  constructor(
    private readonly peers: PeerStore,
    private readonly links: Links,
    private readonly feed: FeedService,
    private readonly trust: TrustLevels,
  ) {}

  async list(session: Session, after = ''): Promise<{ peers: PeerSummary[]; next?: string }> {
    checkAdmin(session);
    const rows = await this.peers.page(after, PAGE);
    const last = rows.length === PAGE ? rows.at(-1)?.nodeId : undefined;
    return { peers: rows.map((row) => this.#summary(row)), ...(last === undefined ? {} : { next: last }) };
  }

  /** The next document of the node is believed, whatever its key. Throws 2003 for a node that was never seen. */
  async forget(session: Session, nodeId: string): Promise<{ node_id: string }> {
    checkAdmin(session);
    parseWith(nodeIdField, nodeId);
    if ((await this.peers.forget(nodeId)) === 0) throw new DcpError('USER_NOT_FOUND', { reason: 'unknown_node' });
    this.links.restart(nodeId);
    return { node_id: nodeId };
  }

  #summary({ nodeId, name, key, document, firstSeen, lastSeen, lastError }: KnownPeer): PeerSummary {
    return {
      node_id: nodeId,
      name,
      endpoint: document.federation ?? null,
      trust: this.trust.of(nodeId),
      link: this.links.stateOf(nodeId),
      key,
      first_seen: firstSeen.toISOString(),
      last_seen: lastSeen.toISOString(),
      last_error: lastError,
      waiting: this.links.waitingOf(nodeId),
      lag: this.feed.lagOf(nodeId),
    };
  }
}
