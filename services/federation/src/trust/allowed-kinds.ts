import type { PeerKind } from '@dcp/contracts';
import type { TrustLevel } from '@dcp/protocol';

/** Of these too the channel service refuses what nobody has invited. */
const CHANGES_OF_UNKNOWN: ReadonlySet<unknown> = new Set(['open_dm', 'state', 'leave']);

/** What a node that nobody has rated may ask: enough for a direct message that its receiver accepts, and for who was invited. */
const FOR_UNKNOWN: ReadonlySet<string> = new Set<PeerKind>([
  'user_lookup',
  'direct_messages',
  'device_logs',
  'devices_changed',
  'claim_keys',
  'send_keys',
  'channel_info',
  'channel_history',
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
  return kind === 'channel_change' ? CHANGES_OF_UNKNOWN.has(body['change']) : FOR_UNKNOWN.has(kind);
}
