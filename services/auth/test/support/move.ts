import { AUTH } from '@dcp/contracts';
import { signDigest } from '@dcp/crypto';
import { moveSigningInput, type MovedTo } from '@dcp/protocol';
import { keyPair, type Person, sessionFor } from './person.js';
import type { World } from './world.js';

/** An account at a node that the tests do not run. */
export function accountElsewhere(): Pick<Person, 'userId' | 'key'> {
  return { userId: 'elsewher.anna-k2m4', key: keyPair() };
}

export interface MoveChanges {
  issued?: number;
  more?: object;
  /** Whose key signs in the place of the old account's, and of the new one's. */
  by?: Pick<Person, 'key'>;
  accepting?: Pick<Person, 'key'>;
}

/** As the mover's client makes it. */
export function moveRecord(
  world: World,
  from: Pick<Person, 'userId' | 'key'>,
  to: Pick<Person, 'userId' | 'key'>,
  { issued = world.clock.now(), more = {}, by = from, accepting = to }: MoveChanges = {},
): MovedTo {
  const object = {
    user_id: from.userId,
    to: to.userId,
    identity_key: to.key.publicKey,
    issued: new Date(issued).toISOString(),
    ...more,
  };
  const preimage = moveSigningInput(object);
  return {
    ...object,
    accepted: signDigest(accepting.key.seed, preimage),
    signature: signDigest(by.key.seed, preimage),
  };
}

export async function postMove(world: World, who: Person, record: object) {
  const session = await sessionFor(world, who);
  return world.bus.request(AUTH.moveAccount, { session, moved_to: record as Record<string, unknown> });
}
