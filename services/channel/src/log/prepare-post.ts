import type { Post } from '@dcp/contracts';
import {
  checkMessageSize,
  DcpError,
  invalidFormat,
  isFullForm,
  parseWith,
  plainMessageSchema,
  refuseNodeMembers,
  type SignedMessage,
} from '@dcp/protocol';
import type { Authority } from '../members/authority.js';
import type { NodeMessages } from '../node/node-message.js';
import { newEntry, type NewEntry, storedForm, type StoredMessage } from './new-entry.js';
import * as checks from './post-checks.js';

export interface PostRules {
  /** Milliseconds. */
  now: number;
  verifySignatures: boolean;
  /** It came from its author's node, where it may have waited (profile §6). */
  relayed: boolean;
  node: NodeMessages;
}

/** A post that failed. `retryOf` is set when it may be the repetition of one that was accepted: then the log decides. */
export interface Refused {
  error: unknown;
  retryOf?: NewEntry;
}

/** A post that waits for its number. */
export interface Accepted {
  entry: NewEntry;
  authority: Authority;
  aclVersion: number;
  /** In `e2ee` channels. */
  epoch: number | undefined;
  knownState: string | undefined;
}

export type Prepared = Accepted | Refused;

/** All that can be decided about a post before the transaction. `authority` is undefined when the channel does not exist. */
export function preparePost(post: Post, authority: Authority | undefined, rules: PostRules): Prepared {
  try {
    refuseNodeMembers(post.message);
    if (authority === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (rules.relayed && authority.home !== null) throw notHere(authority);
    if (isHidden(authority)) return prepareHidden(post, authority);
    return isFullForm(post.message) ? prepareSigned(post, authority, rules) : preparePlain(post, authority, rules);
  } catch (error) {
    return { error };
  }
}

/**
 * What another node relays must be for a channel of this one. Where it is not yet, or not any more, its home will be heard of: the post goes on
 * waiting.
 */
function notHere({ aclVersion }: Authority): DcpError {
  return aclVersion === undefined
    ? new DcpError('CHANNEL_NOT_FOUND')
    : new DcpError('NODE_UNREACHABLE', { reason: 'not_the_home' });
}

/** A channel that the author may not know of: for him it is not there (§9.2). */
function isHidden({ visibility, aclVersion }: Authority): boolean {
  return visibility !== 'public' && aclVersion === undefined;
}

/** Unless it repeats what he posted while he was in it. */
function prepareHidden({ message, channel_id, session }: Post, { encryption }: Authority): Refused {
  const error = new DcpError('CHANNEL_NOT_FOUND');
  try {
    checks.checkAuthor(checks.parseSigned(message, channel_id, encryption), session);
    return { error, retryOf: newEntry(storedForm(message, channel_id) as StoredMessage) };
  } catch {
    return { error };
  }
}

function prepareSigned(post: Post, authority: Authority, rules: PostRules): Prepared {
  const message = checks.parseSigned(post.message, post.channel_id, authority.encryption);
  checks.checkAuthor(message, post.session);
  const stored = storedForm(post.message, post.channel_id);
  try {
    return acceptSigned(post, message, stored, authority, rules);
  } catch (error) {
    return { error, retryOf: newEntry(stored as StoredMessage) };
  }
}

function acceptSigned(
  { session }: Post,
  message: SignedMessage,
  stored: Record<string, unknown>,
  authority: Authority,
  rules: PostRules,
): Prepared {
  checks.checkClock(message.timestamp, rules.now, rules.relayed);
  const byNode = rules.relayed && isSignedByNode(message, authority);
  const body = checkMessageSize(stored);
  checks.checkEncryption(message.encryption);
  checks.checkReply(message);
  checks.checkText(stored, body);
  const aclVersion = memberVersion(authority);
  if (session.key === '' && !byNode) throw invalidFormat('signature', 'signature');
  if (rules.verifySignatures && !byNode) checks.checkSignature(stored, message.signature, session.key);
  const { epoch, state } = authority.encryption === 'e2ee' ? message.encryption : {};
  return { entry: newEntry(stored as StoredMessage, body), authority, aclVersion, epoch, knownState: state };
}

/**
 * The author's node completed and signed it (profile §4): its link is proof enough that it is the author's node, and whoever reads the
 * entry checks the signature with the key of that node's document.
 */
function isSignedByNode({ metadata, encryption, device }: SignedMessage, { encryption: mode }: Authority): boolean {
  const { algorithm, key_id } = encryption;
  return (
    mode === 'node' &&
    metadata['signed_by'] === 'node' &&
    device === undefined &&
    algorithm === 'none' &&
    key_id === 'node'
  );
}

/** §7.3, §8.3: completed and signed by the node, where it may read. Only by the author's own. */
function preparePlain({ message, session, channel_id }: Post, authority: Authority, rules: PostRules): Prepared {
  if (rules.relayed) throw invalidFormat('signature_required', 'signature');
  if (authority.encryption !== 'node') throw invalidFormat('encryption_required', 'encryption.algorithm');
  const plain = parseWith(plainMessageSchema, message);
  const type = plain.type ?? 'text';
  checks.checkContent(type, plain.content);
  const reply = checks.checkReply({ content: plain.content, metadata: { reply_to: plain.reply_to } });
  const aclVersion = memberVersion(authority);
  const entry = rules.node.complete({
    type,
    author: session.user_id,
    channelId: channel_id,
    content: plain.content,
    replyTo: reply,
  });
  checks.checkText(plain.content, entry.body);
  return { entry, authority, aclVersion, epoch: undefined, knownState: undefined };
}

function memberVersion({ aclVersion }: Authority): number {
  if (aclVersion === undefined) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member' });
  return aclVersion;
}
