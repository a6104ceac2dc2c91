import { CHANNEL } from '@dcp/contracts';
import { acknowledgeStatus } from '@dcp/protocol';
import { command } from './command.js';

export const acknowledgeStatusCommand = command({
  name: 'ack_status',
  schema: acknowledgeStatus,
  cost: 1,
  run: ({ session }, { message_ids }, { bus }) => bus.request(CHANNEL.refusalsSeen, { session, message_ids }),
});
