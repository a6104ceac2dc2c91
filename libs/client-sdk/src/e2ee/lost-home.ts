import { checkAuthors, DcpError, type Handover, handoverSchema, MAX_HANDOVERS } from '@dcp/protocol';
import type { ChannelState } from './channel-chain.js';
import type { DeviceDirectory } from './device-directory.js';
import type { VerifiedLog } from './device-log.js';
import { isSigned, signersOf } from './handover-signatures.js';
import type { NodePort } from './node-port.js';

type Logs = Pick<DeviceDirectory, 'logs' | 'known'>;

/**
 * Whether the channel's owner, or enough of the admins whom he has named, have signed that its home was lost, and that what came behind an
 * entry before the end of this state does not count. A node can take nothing back in their place: the numbers behind that entry are never
 * given again, so their word is good once.
 */
export async function isTakenBack(
  state: ChannelState,
  node: Pick<NodePort, 'rest'>,
  directory: Logs,
): Promise<boolean> {
  const path = `/channels/${encodeURIComponent(state.channelId)}/home`;
  const words = handoversIn(await node.rest<unknown>(path)).filter((word) => isAbout(word, state));
  const believable = words.filter((word) => maySay(word, state));
  const logs = await logsOf([...new Set(believable.flatMap(signersOf))], directory);
  return believable.some((word) => isSigned(word, state, logs));
}

function isAbout({ kind, channel_id, last_seq: last, void_to: end }: Handover, state: ChannelState): boolean {
  if (kind !== 'lost' || last === undefined || end === undefined) return false;
  return channel_id === state.channelId && last < state.seq && state.seq <= end;
}

/** Whoever was not in it by what is known here says nothing, nor does a mandate that the owner has replaced. */
function maySay(word: Handover, state: ChannelState): boolean {
  const { mandate, author, consents = [] } = word;
  const admins = mandate === undefined ? [] : [author, ...consents.map((consent) => consent.author)];
  if (!admins.every((admin) => Object.hasOwn(state.members, admin))) return false;
  if (mandate !== undefined && mandate.serial < (state.mandate?.serial ?? 0)) return false;
  try {
    checkAuthors(word, state.channelId, state.creator);
    return true;
  } catch (error) {
    if (error instanceof DcpError) return false;
    throw error;
  }
}

/** Accounts may have gone with their node: what one has seen of their logs holds. */
async function logsOf(users: readonly string[], directory: Logs): Promise<ReadonlyMap<string, VerifiedLog>> {
  const logs = users.length === 0 ? new Map<string, VerifiedLog>() : await directory.logs(users);
  for (const user of users) {
    const log = logs.get(user) ?? (await directory.known(user));
    if (log !== undefined) logs.set(user, log);
  }
  return logs;
}

function handoversIn(answer: unknown): Handover[] {
  const { handovers } = (answer ?? {}) as { handovers?: unknown };
  if (!Array.isArray(handovers)) return [];
  return handovers.slice(0, MAX_HANDOVERS).flatMap((record: { handover?: unknown } | null) => {
    const parsed = handoverSchema.safeParse(record?.handover);
    return parsed.success ? [parsed.data] : [];
  });
}
