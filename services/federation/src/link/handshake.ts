import type { TLSSocket } from 'node:tls';
import { formatHash, randomBytes, sha256, toBase64, toUtf8, verifyHybrid, verifySigned } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import {
  DcpError,
  FEDERATION_PROTOCOL,
  linkHello,
  type LinkHello,
  linkProof,
  linkRefusal,
  type LinkStatement,
  MAX_NODE_DOCUMENT,
  type NodeDocument,
  parseJson,
  parseWith,
  postQuantumKey,
  signingInput,
} from '@dcp/protocol';
import type { WebSocket } from 'ws';
import type { NodeKey } from '../node/node-key.js';
import type { OwnDocument } from '../node/own-document.js';
import { keyBytes, untrue } from '../peers/document-checks.js';
import type { KnownPeer } from '../peers/peer.store.js';
import type { PinningService } from '../peers/pinning.service.js';
import type { Inbox } from './inbox.js';

export type Role = LinkStatement['role'];

/** A connection on which both ends have proved who they are. */
export interface ProvenLink {
  peer: KnownPeer;
  peerKey: Uint8Array;
  /** `sha256:` that names this connection in every batch. */
  name: string;
}

export interface HandshakeParts {
  key: NodeKey;
  document: OwnDocument;
  pinning: PinningService;
  clock: Clock;
}

/** A connection before the hand-shake. */
export interface Connection {
  ws: WebSocket;
  tls: TLSSocket;
  inbox: Inbox;
}

const MAX_SKEW_MS = 5 * 60_000;
const MAX_HELLO = MAX_NODE_DOCUMENT + 4 * 1024;
const NONCE = 32;

/**
 * What the proofs of a link are bound to, as the listener's signed document says; it is never negotiated.
 * - `exporter` (RFC 9266): both ends of one TLS connection compute it, nobody between two connections can make them equal.
 * - `spki`: behind an edge that ends TLS. The keys of the edge's certificates; the dialler has seen that it spoke to one of them.
 */
function bindingOf(tls: TLSSocket, { binding, spki = [] }: Pick<NodeDocument, 'binding' | 'spki'>): string {
  if (binding === 'spki') return toBase64(sha256(toUtf8(['DCP-SPKI-V1', ...spki.toSorted()].join(' '))));
  return toBase64(tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)));
}

/**
 * The dialler's half. `checkCertificate` looks whether the certificate's key stands in the other node's document. Throws 3001 for who is not
 * who he should be, 9002 for another protocol, 3000 when the connection ends.
 */
export async function dialledHandshake(
  parts: HandshakeParts,
  connection: Connection,
  nodeId: string,
  checkCertificate: (peer: KnownPeer) => void,
): Promise<ProvenLink> {
  const { nonce: own } = await sendHello(parts, connection, nodeId);
  const hello = await readHello(parts, connection, nodeId);
  const peer = await parts.pinning.accept(hello.document, nodeId);
  checkCertificate(peer);
  const binding = bindingOf(connection.tls, peer.document);
  const shake = new Shake(parts, connection, peer, [own, hello.nonce], binding);
  shake.prove('dialler');
  await shake.check('listener');
  return shake.proven();
}

/** The listener's half. `admit` may still say no once the dialler has proved himself; he hears its error. */
export async function listeningHandshake(
  parts: HandshakeParts,
  connection: Connection,
  mayCome: (nodeId: string) => void,
  admit: (peer: KnownPeer) => Promise<void>,
): Promise<ProvenLink> {
  const hello = await readHello(parts, connection, undefined);
  mayCome(hello.node);
  const peer = await parts.pinning.accept(hello.document, hello.node);
  const own = await sendHello(parts, connection, hello.node);
  const binding = bindingOf(connection.tls, own.document);
  const shake = new Shake(parts, connection, peer, [hello.nonce, own.nonce], binding);
  await shake.check('dialler');
  await admit(peer);
  shake.prove('listener');
  return shake.proven();
}

async function sendHello({ key, document, clock }: HandshakeParts, { ws }: Connection, to: string) {
  const nonce = toBase64(randomBytes(NONCE));
  const time = new Date(clock.now()).toISOString();
  const hello = { type: 'hello', protocol: FEDERATION_PROTOCOL, node: key.nodeId, to, nonce, time };
  const own = await document.get();
  ws.send(JSON.stringify({ ...hello, document: own }));
  return { nonce, document: own };
}

async function readHello(
  parts: HandshakeParts,
  { inbox }: Connection,
  expected: string | undefined,
): Promise<LinkHello> {
  const frame = readFrame(await inbox.next());
  const { protocol } = frame as { protocol?: unknown };
  if (typeof protocol === 'string' && protocol !== FEDERATION_PROTOCOL)
    throw new DcpError('PROTOCOL_VERSION_MISMATCH', { supported: [FEDERATION_PROTOCOL] });
  const hello = parseWith(linkHello, frame);
  if (hello.node === parts.key.nodeId) throw untrue('own_id');
  if (hello.to !== parts.key.nodeId) throw untrue('wrong_node');
  if (expected !== undefined && hello.node !== expected)
    throw untrue('wrong_id', { asked: expected, found: hello.node });
  if (Math.abs(Date.parse(hello.time) - parts.clock.now()) > MAX_SKEW_MS)
    throw untrue('clock_skew', { time: hello.time });
  return hello;
}

/** What the other end says; its refusal is thrown as its error. */
function readFrame(bytes: Buffer): object {
  if (bytes.length > MAX_HELLO) throw untrue('malformed_frame');
  const frame = parseJson(bytes.toString('utf8'));
  if (typeof frame !== 'object' || frame === null) throw untrue('malformed_frame');
  const refusal = linkRefusal.safeParse(frame);
  if (!refusal.success) return frame;
  const { code, details = {} } = refusal.data.error;
  throw DcpError.fromBody({ code, details: { ...details, refused_by: 'peer' } });
}

/** The two proofs over both nonces and the binding of the TLS connection. */
class Shake {
  readonly #peerKey: Uint8Array;

  constructor(
    private readonly parts: HandshakeParts,
    private readonly connection: Connection,
    private readonly peer: KnownPeer,
    private readonly nonces: [string, string],
    private readonly binding: string,
  ) {
    this.#peerKey = keyBytes(peer.key);
  }

  prove(role: Role): void {
    const { key } = this.parts;
    const statement = this.#statement(role, key.nodeId, this.peer.nodeId);
    const [signature, hybrid] = [key.sign('ROUTE', statement), key.signHybrid('ROUTE', statement)];
    this.connection.ws.send(JSON.stringify({ type: 'proof', signature, hybrid }));
  }

  async check(role: Role): Promise<void> {
    const { signature, hybrid } = parseWith(linkProof, readFrame(await this.connection.inbox.next()));
    const statement = this.#statement(role, this.peer.nodeId, this.parts.key.nodeId);
    const signed = signingInput('ROUTE', statement);
    if (!verifySigned(this.#peerKey, signed, signature)) throw untrue('link_proof');
    const postQuantum = postQuantumKey(this.peer.document);
    if (postQuantum === undefined) return;
    const keys = { ed25519: this.#peerKey, mlDsa: keyBytes(postQuantum) };
    if (hybrid === undefined || !verifyHybrid(keys, signed, hybrid)) throw untrue('link_proof');
  }

  proven(): ProvenLink {
    const name = formatHash(sha256(toUtf8([...this.nonces, this.binding].join(' '))));
    return { peer: this.peer, peerKey: this.#peerKey, name };
  }

  #statement(role: Role, from: string, to: string): LinkStatement {
    return { type: 'link', role, from, to, nonces: this.nonces, binding: this.binding };
  }
}
