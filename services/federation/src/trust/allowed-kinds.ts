import type { PeerKind } from '@dcp/contracts';
import type { TrustLevel } from '@dcp/protocol';

/** What a node that nobody has rated may ask: enough for a first direct message, which its receiver may refuse. */
const FOR_UNKNOWN: ReadonlySet<string> = new Set<PeerKind>([
  'user_lookup',
  'direct_messages',
  'device_logs',
  'devices_changed',
  'claim_keys',
  'send_keys',
  'channel_info',
  'channel_state',
  'channel_post',
  'entries',
]);

/** Whether users of this node may turn to another: to all but blocked ones. Moderation is shared with those who were rated. */
export function mayBeAsked(level: TrustLevel, kind: string): boolean {
  return level !== 'blocked' && (level !== 'unknown' || !kind.startsWith('trust_'));
}

/** §10.3: `blocked` nothing, `unknown` little, `monitored` and `trusted` everything; what follows from it is decided where it is answered. */
export function mayAsk(level: TrustLevel, kind: string, body: Record<string, unknown>): boolean {
  if (level === 'blocked') return false;
  if (level !== 'unknown') return true;
  return kind === 'channel_change' ? body['change'] === 'open_dm' : FOR_UNKNOWN.has(kind);
}
