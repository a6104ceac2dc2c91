import { AUTH } from '@dcp/contracts';
import { sha256, toUtf8 } from '@dcp/crypto';
import { leadingZeroBits } from '../../src/accounts/proof-of-work.js';
import type { World } from './world.js';

/** What the nodes of these tests ask for. */
export const WORK_BITS = 16;

/** A solution of a fresh salt. */
export async function workFor(world: World, userId: string): Promise<{ salt: string; nonce: string }> {
  const { bits, salt } = (await world.bus.request(AUTH.node, {})).policy.proof_of_work;
  for (let nonce = 0; ; nonce++) if (bitsOf(salt, userId, nonce) >= bits) return { salt, nonce: String(nonce) };
}

/** A nonce of a fresh salt that is no solution. */
export async function unworked(world: World, userId: string): Promise<{ salt: string; nonce: string }> {
  const { salt } = (await world.bus.request(AUTH.node, {})).policy.proof_of_work;
  for (let nonce = 0; ; nonce++) if (bitsOf(salt, userId, nonce) < WORK_BITS) return { salt, nonce: String(nonce) };
}

function bitsOf(salt: string, userId: string, nonce: number): number {
  return leadingZeroBits(sha256(toUtf8(`${salt}:${userId}:${nonce}`)));
}
