import type { CreateRequest } from '@dcp/contracts';
import { DcpError, type Genesis, invalidFormat, stateEffect } from '@dcp/protocol';
import type { CreateOperation } from '../log/operation.js';
import { checkState, isCanonicalKey, parseState } from '../state/signed-state.js';

const NOBODY = { role: null, invitedKey: null, banned: false } as const;

/** Checks the signed `channel_created` with which the chain of a new `e2ee` channel begins, and says who is in it from then. */
export function beginChain(
  { session, entry: raw }: CreateRequest,
  { creator, visibility, members = [] }: Genesis,
  channelId: string,
  rules: { now: number; verifySignatures: boolean },
): Pick<CreateOperation, 'entry' | 'identityKey' | 'others'> {
  if (raw === undefined) throw invalidFormat('signature_required', 'entry');
  const signed = parseState(raw, channelId, session);
  const { state, entry } = signed;
  stateEffect(state, { visibility, created: false, creator, actor: NOBODY, target: NOBODY });
  checkState(signed, session, rules);
  const identityKey = state.content.details['identity_key'];
  if (!isCanonicalKey(identityKey)) throw invalidFormat('not an ed25519: key', 'entry.content.details.identity_key');
  const own = members.find(({ user_id }) => user_id === creator);
  if (own !== undefined && own.identity_key !== identityKey) {
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'other_identity_key' });
  }
  const others = members
    .filter(({ user_id }) => user_id !== creator)
    .map(({ user_id, identity_key }) => ({ userId: user_id, identityKey: identity_key }));
  return { entry, identityKey, others };
}
