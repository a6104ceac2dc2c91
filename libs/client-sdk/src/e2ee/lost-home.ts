import { verifySigned } from '@dcp/crypto';
import { type Handover, handoverInput, handoverSchema, MAX_HANDOVERS } from '@dcp/protocol';
import type { ChannelState } from './channel-chain.js';
import type { DeviceDirectory } from './device-directory.js';
import { deviceAt, signingKeyOf } from './device-log.js';
import type { NodePort } from './node-port.js';

/**
 * Whether the channel's owner has signed that its home was lost, and that what came behind an entry before the end of this state does not
 * count. A node can take nothing back in his place: the numbers behind that entry are never given again, so his word is good once.
 */
export async function isTakenBack(
  state: ChannelState,
  node: Pick<NodePort, 'rest'>,
  directory: Pick<DeviceDirectory, 'log'>,
): Promise<boolean> {
  const path = `/channels/${encodeURIComponent(state.channelId)}/home`;
  const words = handoversIn(await node.rest<unknown>(path)).filter((word) => isAbout(word, state));
  if (words.length === 0) return false;
  const log = await directory.log(state.creator);
  return words.some((word) => {
    const device = log === undefined ? undefined : deviceAt(log, word.device ?? '', word.issued);
    return device !== undefined && verifySigned(signingKeyOf(device), handoverInput(word), word.signature);
  });
}

function isAbout({ kind, channel_id, author, last_seq: last, void_to: end }: Handover, state: ChannelState): boolean {
  if (kind !== 'lost' || last === undefined || end === undefined) return false;
  return channel_id === state.channelId && author === state.creator && last < state.seq && state.seq <= end;
}

function handoversIn(answer: unknown): Handover[] {
  const { handovers } = (answer ?? {}) as { handovers?: unknown };
  if (!Array.isArray(handovers)) return [];
  return handovers.slice(0, MAX_HANDOVERS).flatMap((record: { handover?: unknown } | null) => {
    const parsed = handoverSchema.safeParse(record?.handover);
    return parsed.success ? [parsed.data] : [];
  });
}
