import { createSecureContext, type TLSSocket } from 'node:tls';
import { FEDERATION_PROTOCOL, MAX_BATCH_LENGTH, type NodeDocument } from '@dcp/protocol';
import { WebSocket } from 'ws';
import { unreachable } from '../discovery/document-fetch.js';
import type { Names } from '../discovery/names.js';
import { spkiHash } from '../node/certificate.js';
import { untrue } from '../peers/document-checks.js';
import type { KnownPeer } from '../peers/peer.store.js';
import { type Connection, dialledHandshake, type HandshakeParts, type ProvenLink } from './handshake.js';
import { Inbox } from './inbox.js';

const DIAL_MS = 10_000;
/** One for all links: it holds no certificate, and would take 10 KiB of each. */
const TLS = { secureContext: createSecureContext({ minVersion: 'TLSv1.3' }) };
/** A batch, its header, and some room. */
export const MAX_PAYLOAD = MAX_BATCH_LENGTH + 8 * 1024;

/** Opens connections to other nodes and proves both ends. */
export class Dialler {
  constructor(
    private readonly parts: HandshakeParts,
    private readonly names: Names,
  ) {}

  /** Throws 3000 when nobody is there, 3001 when it is somebody else, the other node's own refusal. */
  async dial(peer: KnownPeer): Promise<{ connection: Connection; proven: ProvenLink }> {
    const url = linkUrl(peer.document);
    this.names.checkLiteral(url.hostname);
    const guard = AbortSignal.timeout(DIAL_MS);
    const connection = await open(url, this.names);
    const late = () => connection.ws.terminate();
    guard.addEventListener('abort', late);
    try {
      const proven = await dialledHandshake(this.parts, connection, peer.nodeId, (found) =>
        checkCertificate(connection, found),
      );
      return { connection, proven };
    } catch (error) {
      connection.ws.close(3001, 'refused');
      throw guard.aborted ? unreachable('handshake_timeout') : error;
    } finally {
      guard.removeEventListener('abort', late);
    }
  }
}

function linkUrl({ id, binding, federation }: NodeDocument): URL {
  if (binding === 'none' || federation === undefined) throw unreachable('takes_no_links', { node_id: id });
  const url = URL.canParse(federation) ? new URL(federation) : undefined;
  if (url?.protocol !== 'wss:') throw untrue('link_url', { node_id: id });
  return url;
}

/** [DCP-15.3-02] The key of the certificate must stand in the signed document; who has signed the certificate says nothing. */
function checkCertificate({ tls }: Connection, { document }: KnownPeer): void {
  const certificate = tls.getPeerX509Certificate();
  if (certificate === undefined || document.spki?.includes(spkiHash(certificate)) !== true) throw untrue('certificate');
}

function open(url: URL, names: Names): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, FEDERATION_PROTOCOL, {
      // The node proves itself (§15.3): its certificate's key stands in its signed document, and both ends sign this TLS connection.
      rejectUnauthorized: false,
      ...TLS,
      lookup: names.lookup,
      handshakeTimeout: DIAL_MS,
      maxPayload: MAX_PAYLOAD,
      perMessageDeflate: false,
      followRedirects: false,
    });
    let tls: TLSSocket | undefined;
    const inbox = new Inbox(ws);
    ws.on('upgrade', (response) => (tls = response.socket as TLSSocket));
    ws.on('open', () => (tls === undefined ? reject(untrue('tls')) : resolve({ ws, tls, inbox })));
    ws.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES') reject(untrue('private_address'));
      else reject(unreachable('connect_failed', { cause: error.code ?? 'refused' }));
    });
  });
}
