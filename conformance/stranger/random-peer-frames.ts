import type { Dict } from './json.js';
import { damaged, large, noise, type Random, randomValue } from './random-frames.js';

/** What the questions of a peer may name, so that some of them find something. */
export interface PeerTargets {
  /** A user of the node. */
  user: string;
  channelId: string;
  channel: string;
  /** The peer's own id. */
  peer: string;
}

/** One good question of every kind that nodes ask each other, and the literal frames of §10.2. */
export function goodPeerFrames(targets: PeerTargets): [string, ...string[]] {
  const { user, channelId: channel_id, channel, peer } = targets;
  const stranger = `${peer}.somebody`;
  const hash = `sha256:${'0'.repeat(64)}`;
  const signature = `ed25519:${'A'.repeat(86)}==`;
  const at = new Date().toISOString();
  const message = {
    id: 'msg_aaaaaaaaaaaaaaaa',
    type: 'message',
    timestamp: at,
    author: stranger,
    channel_id,
    signature,
  };
  const order = { channel_id, epoch: 1, from: 1, to: 1, prev_head: null, head: hash, signature };
  const entry = { seq: 1, id: message.id, type: 'message', author: stranger, received_at: at, body: '{}' };
  const device = { user_id: user, device: 'dev_aaaaaaaaaaaaaaaa' };
  const keyMessage = { id: 'x', ...device, body: 'AAAA' };
  const evidence = { type: 'spam', messages: ['msg_12345'], timestamp: at };
  const home = { from_node: user.slice(0, 8), to_node: peer, kind: 'given', prev: null };
  const handover = { channel_id, epoch: 2, ...home, issued: at, author: user, signature };
  const lost = { kind: 'lost', last_seq: 1, void_to: 2 };
  const closing = { channel_id, epoch: 1, last_seq: 1, to_node: peer, signature };
  const decision = { action: 'flag_content', target: 'msg_12345', evidence, signature };
  const questions: [string, object][] = [
    ['user_lookup', { user_id: user }],
    ['direct_messages', { user_id: user }],
    ['device_logs', { users: [{ user_id: user, after: 0 }] }],
    ['devices_changed', { user_id: stranger, seq: 2, hash }],
    ['claim_keys', { user_id: stranger, devices: [device] }],
    ['send_keys', { user_id: stranger, device: 'dev_bbbbbbbbbbbbbbbb', messages: [keyMessage] }],
    ['channel_info', { channel, user_id: stranger }],
    ['channel_state', { channel_id, user_id: stranger, after: 0 }],
    ['channel_change', { user_id: stranger, channel_id, change: 'join' }],
    ['channel_change', { user_id: stranger, channel_id, change: 'leave' }],
    ['channel_change', { user_id: stranger, channel_id, change: 'state', entry: message }],
    ['channel_change', { user_id: stranger, channel_id, change: 'open_dm', other: user }],
    ['channel_post', { posts: [{ channel_id, message: { ...message, content: { text: 'x', format: 'plain' } } }] }],
    ['channel_history', { channel_id, user_id: stranger, after: 0, limit: 10 }],
    ['channel_notice', { channel_id, user_id: user, change: 'invited', by: stranger, name: '#x', title: 'x', at }],
    ['entries', { channel_id, name: '#x', entries: [entry], order }],
    ['channel_handover', { step: 'ask', channel_id }],
    ['channel_handover', { step: 'probe', channel_id, handovers: [{ handover }] }],
    ['channel_handover', { step: 'take', channel_id, handovers: [{ handover, closing }] }],
    ['channel_handover', { step: 'claim', channel_id, handovers: [{ handover: { ...handover, ...lost } }] }],
    ['channel_survey', { channel_id }],
    ['route_message', { destination_user: user, encrypted_message: 'AAAA' }],
    ['trust_head', {}],
    ['trust_entries', { after: 0, up_to: 1 }],
    ['trust_update', { type: 'trust_update', ...decision }],
  ];
  const asks = questions.map(([kind, body], i) => JSON.stringify({ type: 'ask', id: `q${i}`, kind, body }));
  const literal = [
    { type: 'user_lookup', id: 'l', user_id: user, requesting_node: peer },
    { type: 'route_message', id: 'r', source_node: peer, destination_user: user, encrypted_message: 'AAAA', signature },
    { type: 'trust_update', id: 't', ...decision },
    { type: 'typing', channel_id, user_id: stranger, typing: true },
    { type: 'presence', user_id: stranger, status: 'online', last_seen: at, channels: [channel_id] },
    { type: 'answer', id: 'a', body: {} },
    { type: 'error', id: 'e', error: { code: 'INTERNAL_ERROR', message: 'x' } },
  ];
  return [JSON.stringify(literal[0]), ...literal.slice(1).map((frame) => JSON.stringify(frame)), ...asks];
}

/** A frame that may or may not be one, on one line: a damaged good one, one with a member that is something else, or noise. */
export function randomPeerFrame(random: Random, good: readonly [string, ...string[]]): string {
  const kind = random.below(100);
  const text = kind < 35 ? damaged(random, random.pick(good)) : kind < 97 ? altered(random, good) : rest(random, kind);
  return text.replaceAll('\n', ' ');
}

function rest(random: Random, kind: number): string {
  return kind < 99 ? noise(random, 1 + random.below(200)) : large(random);
}

/** Some members of it, at any depth, are gone or something else. */
function altered(random: Random, good: readonly [string, ...string[]]): string {
  const frame = JSON.parse(random.pick(good)) as Dict;
  for (let times = random.below(3); times >= 0; times--) alter(random, frame);
  return JSON.stringify(frame);
}

function alter(random: Random, inside: Dict): void {
  const [first, ...names] = Object.keys(inside);
  if (first === undefined) return;
  const name = random.pick([first, ...names]);
  const value = inside[name];
  if (typeof value === 'object' && value !== null && random.below(3) > 0) return alter(random, value as Dict);
  const how = random.below(8);
  if (how === 0) delete inside[name];
  else if (how === 1 && typeof value === 'string') inside[name] = value.repeat(1 + random.below(200));
  else inside[name] = randomValue(random, 2);
}
