import type { HomedChannel } from '@dcp/contracts';
import { parseKey, sha256, toBase32, verifySigned } from '@dcp/crypto';
import { canonicalJson, DcpError, dmChannelIdInput, dmName, homeAfter, signingInput, USER_ID } from '@dcp/protocol';
import { channelIdOf } from '../channels/genesis.js';
import { hashOf } from '../handover/handover.store.js';
import type { NewChannel } from '../log/operation.js';
import { nodeOf } from '../node/node-of.js';

/** A DM has its home at the node of the user whose id comes first (profile §6: every channel has one). */
export function dmHome(a: string, b: string): string {
  return nodeOf(a < b ? a : b);
}

export function dmIdOf(a: string, b: string): string {
  return `ch_${toBase32(sha256(dmChannelIdInput(a, b)))}`;
}

/** The two of a DM by its name, or undefined. */
export function dmMembers(name: string): [string, string] | undefined {
  const [a = '', b = '', ...rest] = name.slice(1).split(',');
  const good = name.startsWith('@') && rest.length === 0 && USER_ID.test(a) && USER_ID.test(b) && dmName(a, b) === name;
  return good ? [a, b] : undefined;
}

/** Names of other nodes' channels carry the node here (profile §2); a DM is named by its members everywhere. */
export function nameHere(name: string, homeNode: string): string {
  return name.startsWith('#') ? `${name}@${homeNode}` : name;
}

/**
 * A channel's id is the hash of what makes it what it is, its home included: so a node can offer no channel of another, nor say that
 * one of its own is less closed than it is. Where the home has moved, hand-overs lead from the one of the genesis to this one; their
 * signatures are checked by `HandoverChecks`. Throws FEDERATION_ERROR.
 */
export function checkHome(info: HomedChannel, homeNode: string): void {
  if (info.home_node !== homeNode) throw wrong('home_node');
  if (info.visibility === 'dm') return checkDm(info, homeNode);
  const { genesis, genesis_signature: signature } = info;
  if (genesis === null || signature === null) throw wrong('no_genesis');
  if (channelIdOf(genesis) !== info.channel_id) throw wrong('genesis_hash');
  const chain = (info.handovers ?? []).map(({ handover }) => handover);
  const { home, epoch } = homeAfter(info.channel_id, genesis, chain, hashOf);
  if (home !== homeNode || epoch !== info.home_epoch || genesis.name !== info.name) throw wrong('genesis');
  if (genesis.encryption !== info.encryption || genesis.visibility !== info.visibility) throw wrong('genesis');
  if (!isSigned(genesis, genesis.creator_key, signature)) throw wrong('genesis_signature');
}

function checkDm({ channel_id, name, encryption }: HomedChannel, homeNode: string): void {
  const members = dmMembers(name);
  if (members === undefined || encryption !== 'e2ee') throw wrong('dm');
  if (dmIdOf(...members) !== channel_id || dmHome(...members) !== homeNode) throw wrong('dm');
}

function isSigned(genesis: object, key: string, signature: string): boolean {
  try {
    return verifySigned(parseKey(key).bytes, signingInput('GENESIS', genesis), signature);
  } catch {
    return false;
  }
}

function wrong(reason: string): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason });
}

/** The row of a replica. */
export function replicaChannel(info: HomedChannel, now: string): NewChannel {
  const { genesis, genesis_signature: signature, visibility } = info;
  return {
    channelId: info.channel_id,
    name: nameHere(info.name, info.home_node),
    homeNode: info.home_node,
    homeEpoch: info.home_epoch,
    encryption: info.encryption,
    visibility,
    title: info.title,
    description: info.description,
    genesis: genesis === null ? '' : canonicalJson(genesis),
    genesisSignature: signature ?? '',
    creator: genesis?.creator ?? '',
    createdAt: genesis?.created ?? now,
    memberCount: visibility === 'dm' ? (dmMembers(info.name)?.length ?? 0) : 0,
  };
}

/** The row of a DM whose home is the other's node. */
export function dmReplica(userId: string, other: string, now: string): NewChannel {
  return {
    channelId: dmIdOf(userId, other),
    name: dmName(userId, other),
    homeNode: dmHome(userId, other),
    homeEpoch: 1,
    encryption: 'e2ee',
    visibility: 'dm',
    title: '',
    description: '',
    genesis: '',
    genesisSignature: '',
    creator: '',
    createdAt: now,
    memberCount: 2,
  };
}
