import type { Revocations, SessionsRevoked } from '@dcp/contracts';

/** Far above what one node revokes in eight hours; the oldest are forgotten first, and counted. */
const MAX_REVOCATIONS = 500_000;

/** Sessions that ended before their tokens did. Forgotten when the tokens are over. */
export class RevocationList {
  private readonly sessions = new Map<string, number>();

  get size(): number {
    return this.sessions.size;
  }

  load(revocations: Revocations): void {
    for (const { session_id, expires } of revocations.sessions) this.add(session_id, expires);
  }

  apply(event: SessionsRevoked): void {
    for (const id of event.session_ids) this.add(id, event.expires);
  }

  has(sessionId: string): boolean {
    return this.sessions.has(sessionId);
  }

  /** `now` in seconds. */
  forgetExpired(now: number): void {
    for (const [id, expires] of this.sessions) if (expires <= now) this.sessions.delete(id);
  }

  private add(sessionId: string, expires: number): void {
    if (this.sessions.size >= MAX_REVOCATIONS) this.sessions.delete(this.sessions.keys().next().value ?? '');
    this.sessions.set(sessionId, expires);
  }
}
