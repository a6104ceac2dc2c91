import type { ChannelRole, StateEntry, StateFacts, SystemAction, UserStanding } from '../../src/index.js';

/** Entries and facts for the rules of the state chain: signatures are placeholders, since the rules do not look at them. */

export const [ALICE, BOB] = ['a7f3k9m2.alice-7x9k', 'a7f3k9m2.bob-2x1m'];
export const KEY = `ed25519:${'A'.repeat(43)}=`;
export const OTHER_KEY = `ed25519:${'B'.repeat(42)}E=`;
export const LINK = { key: `ed25519:${'C'.repeat(42)}A=` };

const DETAILS: Partial<Record<SystemAction, Record<string, unknown>>> = {
  channel_created: { identity_key: KEY },
  user_joined: { identity_key: KEY },
  user_invited: { identity_key: KEY },
  link_created: { key: LINK.key, expires: '2026-11-08T10:00:00.000Z' },
  link_revoked: { key: LINK.key },
};

export interface EntryWish {
  target?: string;
  actor?: string;
  details?: Record<string, unknown>;
  prevState?: string | null;
}

/** A good entry of Alice's, of the first of November 2026. */
export function entryOf(action: SystemAction, { target = ALICE, actor = ALICE, ...wish }: EntryWish = {}): StateEntry {
  return {
    id: 'msg_a1b2c3d4e5f6g7h8',
    type: 'system',
    timestamp: '2026-11-01T10:00:00.000Z',
    author: ALICE,
    device: 'dev_a1b2c3d4e5f6g7h8',
    channel_id: `ch_${'a2'.repeat(26)}`,
    prev_state: wish.prevState === undefined ? `sha256:${'0'.repeat(64)}` : wish.prevState,
    content: { action, actor, target, details: wish.details ?? DETAILS[action] ?? {} },
    encryption: { algorithm: 'none', key_id: 'state', nonce: '' },
    metadata: {},
    signature: 'ed25519:AAAA',
  };
}

export function standing(role: ChannelRole | null, more: Partial<UserStanding> = {}): UserStanding {
  return { role, invitedKey: null, banned: false, ...more };
}

/** A private channel of Alice's that exists; nobody is anything in it. */
export function factsOf(more: Partial<StateFacts> = {}): StateFacts {
  const nobody = standing(null);
  return { visibility: 'private', created: true, creator: ALICE, actor: nobody, target: nobody, ...more };
}
