import { type Decision, TRUST } from '@dcp/contracts';
import type { NewDecision, TrustLevel } from '@dcp/protocol';
import type { TrustNode } from './world.js';

/** What administrators do, in the words of the tests. */

export function rate(by: TrustNode, of: TrustNode | string, level: TrustLevel) {
  const node_id = typeof of === 'string' ? of : of.id;
  return by.bus.request(TRUST.setLevel, { session: by.boss, node_id, level });
}

export function decide(by: TrustNode, decision: NewDecision): Promise<Decision> {
  return by.bus.request(TRUST.decide, { session: by.boss, decision });
}

export function ban(by: TrustNode, target: string): Promise<Decision> {
  return decide(by, { action: 'ban_user', target });
}

export function lift(by: TrustNode, id: string): Promise<Decision> {
  return by.bus.request(TRUST.lift, { session: by.boss, id });
}

export function judge(by: TrustNode, id: string, verdict: 'approve' | 'reject'): Promise<Decision> {
  return by.bus.request(TRUST.judge, { session: by.boss, id, verdict });
}

export async function review(of: TrustNode): Promise<Decision[]> {
  return (await of.bus.request(TRUST.decisions, { session: of.boss, status: 'pending' })).decisions;
}

export async function decisionsAbout(of: TrustNode, target: string): Promise<Decision[]> {
  return (await of.bus.request(TRUST.decisions, { session: of.boss, target })).decisions;
}

export function override(by: TrustNode, target: string, rule: 'never' | 'always' | null) {
  return by.bus.request(TRUST.setOverride, { session: by.boss, target, rule });
}

export async function logOf(at: TrustNode, issuer: string) {
  const { logs } = await at.bus.request(TRUST.logs, { session: at.boss });
  return logs.find((log) => log.issuer === issuer);
}

let drawn = 0;

/** A user that no other test has heard of. */
export function somebody(node = 'c9y2m7q1'): string {
  return `${node}.spam-user-${String(++drawn)}`;
}
