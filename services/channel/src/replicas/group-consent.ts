import { AUTH } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { DcpError, type Genesis } from '@dcp/protocol';
import { nodeOf } from '../node/node-of.js';

/**
 * Who of this node is a founder of another node's group DM, and wants none of it: as with a DM, each must allow it (§4.2), and only his own
 * node knows whether he does.
 */
export async function groupConsent(bus: Bus, nodeId: string, { creator, members = [] }: Genesis): Promise<Consent> {
  const consent: Consent = { willing: [], refusing: [] };
  for (const { user_id } of members) {
    if (nodeOf(user_id) !== nodeId) continue;
    const group = (await allows(bus, user_id, creator)) ? consent.willing : consent.refusing;
    group.push(user_id);
  }
  return consent;
}

export interface Consent {
  willing: string[];
  refusing: string[];
}

async function allows(bus: Bus, user_id: string, creator: string): Promise<boolean> {
  try {
    const { allow_direct_messages, blocked_users } = await bus.request(AUTH.settings, { user_id });
    return allow_direct_messages && !blocked_users.includes(creator);
  } catch (error) {
    if (error instanceof DcpError && error.code === 'USER_NOT_FOUND') return false;
    throw error;
  }
}
