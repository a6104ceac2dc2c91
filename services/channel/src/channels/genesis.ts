import type { CreateRequest } from '@dcp/contracts';
import { formatKey, parseKey, randomBytes, sha256, toBase32, verifySigned } from '@dcp/crypto';
import {
  canonicalJson,
  channelIdInput,
  DcpError,
  type Genesis,
  genesisSchema,
  invalidFormat,
  parseWith,
  signatureField,
  signingInput,
} from '@dcp/protocol';
import { checkClock } from '../log/post-checks.js';
import type { NewChannel } from '../log/operation.js';
import type { NodeKey } from '../node/node-key.js';
import { isCanonicalKey } from '../state/signed-state.js';

export interface SignedGenesis {
  genesis: Genesis;
  signature: string;
}

/** The first fact of a channel that the node makes, for itself or for a user's plain command. */
export function nodeGenesis(key: NodeKey, name: string, creator: string, now: number): SignedGenesis {
  const genesis: Genesis = {
    version: '1.0',
    name,
    home_node: key.nodeId,
    encryption: 'node',
    visibility: 'public',
    creator,
    creator_key: key.publicKey,
    created: new Date(now).toISOString(),
    random: toBase32(randomBytes(20)),
  };
  return { genesis, signature: key.sign('GENESIS', genesis) };
}

/** Checks a genesis that its creator signed: it must say what the command says. Throws 2000 with the member at fault. */
export function clientGenesis(request: CreateRequest, nodeId: string, now: number): SignedGenesis {
  const genesis = parseWith(genesisSchema, request.genesis);
  const signature = parseWith(signatureField, request.signature);
  const { session } = request;
  checkEqual('genesis.name', genesis.name, request.name);
  checkEqual('genesis.home_node', genesis.home_node, nodeId);
  if (request.encryption !== undefined) checkEqual('genesis.encryption', genesis.encryption, request.encryption);
  checkVisibility(genesis);
  checkEqual('genesis.creator', genesis.creator, session.user_id);
  checkEqual('genesis.creator_key', normalKey(genesis.creator_key), normalKey(session.key));
  checkClock(genesis.created, now);
  if (!verifySigned(parseKey(session.key).bytes, signingInput('GENESIS', genesis), signature)) {
    throw invalidFormat('signature', 'signature');
  }
  return { genesis, signature };
}

/** Profile §5: what not everybody may enter the node may not read; and only a group DM has its members from birth. */
function checkVisibility({ visibility, encryption, members, creator }: Genesis): void {
  if (visibility !== 'public' && encryption !== 'e2ee') throw invalidFormat('e2ee_required', 'genesis.encryption');
  if ((visibility === 'group') !== (members !== undefined)) throw invalidFormat('group_members', 'genesis.members');
  if (members === undefined) return;
  const ids = new Set(members.map(({ user_id }) => user_id));
  if (ids.size !== members.length) throw invalidFormat('twice', 'genesis.members');
  if (!ids.has(creator)) throw invalidFormat('without the creator', 'genesis.members');
  if (!members.every(({ identity_key }) => isCanonicalKey(identity_key))) {
    throw invalidFormat('not an ed25519: key', 'genesis.members');
  }
}

/** Profile §2: the channel's identity is the hash of its genesis. */
export function channelIdOf(genesis: Genesis): string {
  return `ch_${toBase32(sha256(channelIdInput(genesis)))}`;
}

export function newChannel({ genesis, signature }: SignedGenesis, title: string, description: string): NewChannel {
  return {
    channelId: channelIdOf(genesis),
    name: genesis.name,
    homeNode: genesis.home_node,
    homeEpoch: 1,
    encryption: genesis.encryption,
    visibility: genesis.visibility,
    title,
    description,
    genesis: canonicalJson(genesis),
    genesisSignature: signature,
    creator: genesis.creator,
    createdAt: genesis.created,
    memberCount: 0,
  };
}

function checkEqual(path: string, value: string, expected: string | undefined): void {
  if (value !== expected) throw invalidFormat('not what the command says', path);
}

/** Two spellings of one key are one key (profile §1). */
function normalKey(text: string): string {
  try {
    return formatKey('ed25519', parseKey(text).bytes);
  } catch (error) {
    throw new DcpError(
      'INVALID_MESSAGE_FORMAT',
      { reason: 'not an ed25519: key', path: 'genesis.creator_key' },
      undefined,
      error,
    );
  }
}
