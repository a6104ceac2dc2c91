import { verifySigned } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import {
  askFrame,
  invalidFormat,
  nodeIdField,
  parseWith,
  routeMessageFrame,
  signatureField,
  signingInput,
  timeField,
  userLookupFrame,
} from '@dcp/protocol';
import { z } from 'zod';
import type { Question } from '../link/link.js';
import { keyBytes, untrue } from '../peers/document-checks.js';
import type { KnownPeer, PeerStore } from '../peers/peer.store.js';
import type { PinningService } from '../peers/pinning.service.js';
import type { SeenFrameStore } from './seen-frame.store.js';

/** What a frame must carry when no link vouches for it (profile §6). */
const signedMembers = z.looseObject({
  type: z.string().max(40),
  id: z.string().min(1).max(64),
  timestamp: timeField,
  destination_node: nodeIdField,
  signature: signatureField,
});

const WINDOW_MS = 5 * 60_000;
/** Twice the window: a frame that is dated ahead is remembered until it is too old. */
export const REMEMBERED_MS = 2 * WINDOW_MS;

export interface PostedFramesParts {
  own: string;
  peers: PeerStore;
  pinning: PinningService;
  seen: SeenFrameStore;
  clock: Clock;
  mayCome: (nodeId: string) => void;
  answer: (nodeId: string, question: Question) => Promise<object>;
}

/** The frames of §10.2 by HTTPS POST: each is signed for itself and taken once. */
export class PostedFrames {
  constructor(private readonly parts: PostedFramesParts) {}

  /** The answer frame. Throws 2000 for what is malformed, 3001 for what is not true or was taken before. */
  async take(value: unknown): Promise<object> {
    const { id, type } = parseWith(signedMembers, value);
    const { source, question } = read(type, value);
    this.parts.mayCome(source);
    await this.#check(value as Record<string, unknown>, source);
    return { type: 'answer', id, body: await this.parts.answer(source, question) };
  }

  async #check(frame: Record<string, unknown>, source: string): Promise<void> {
    const { own, clock, seen } = this.parts;
    const { id, timestamp, destination_node, signature } = parseWith(signedMembers, frame);
    if (destination_node !== own) throw untrue('wrong_node');
    if (source === own) throw untrue('own_id');
    if (Math.abs(Date.parse(timestamp) - clock.now()) > WINDOW_MS) throw untrue('clock_skew');
    const { document: _document, ...signed } = frame;
    const peer = await this.#source(frame, source);
    if (!verifySigned(keyBytes(peer.key), signingInput('ROUTE', signed), signature)) throw untrue('frame_signature');
    if (!(await seen.take(source, id, new Date(clock.now())))) throw untrue('replayed');
  }

  /** A node that is not known yet sends its document along. */
  async #source(frame: Record<string, unknown>, source: string): Promise<KnownPeer> {
    const { peers, pinning } = this.parts;
    if (frame['document'] !== undefined) return await pinning.accept(frame['document'], source);
    const peer = await peers.find(source);
    if (peer === undefined) throw untrue('unknown_node');
    return peer;
  }
}

const askWithSource = askFrame.extend({ source_node: nodeIdField });

/** Whose frame it is, and what it asks. */
function read(type: string, frame: unknown): { source: string; question: Question } {
  switch (type) {
    case 'user_lookup': {
      const { requesting_node: source, user_id } = parseWith(userLookupFrame, frame);
      return { source, question: { kind: 'user_lookup', body: { user_id } } };
    }
    case 'ask': {
      const { source_node: source, kind, body } = parseWith(askWithSource, frame);
      return { source, question: { kind, body } };
    }
    case 'route_message': {
      const { source_node: source, destination_user, encrypted_message } = parseWith(routeMessageFrame, frame);
      return { source, question: { kind: 'route_message', body: { destination_user, encrypted_message } } };
    }
    default:
      throw invalidFormat('no such frame', 'type');
  }
}
