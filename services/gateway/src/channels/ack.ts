import type { StateChange } from '@dcp/contracts';
import { viewerName } from '@dcp/protocol';

/** What a change of a channel is answered with: the channel as this user calls it, and where its log and chain stand. */
export function changeAck(
  { name, ...change }: StateChange,
  userId: string,
): { channel: string } & Omit<StateChange, 'name'> {
  return { channel: viewerName(name, userId), ...change };
}
