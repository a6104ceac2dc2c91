import { DcpError, type ErrorCode } from '@dcp/protocol';

const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['NODE_UNREACHABLE', 'MAINTENANCE_MODE', 'RATE_LIMITED']);

/** The other node could not be asked, or could not answer: the same question may be asked again later (§14.3). */
export function isAway(error: unknown): boolean {
  return error instanceof DcpError && AWAY.has(error.code);
}

/** As `isAway`, of an answer inside a batch. */
export function isAwayCode(code: ErrorCode): boolean {
  return AWAY.has(code);
}
