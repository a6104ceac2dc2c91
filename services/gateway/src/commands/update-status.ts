import { updateStatus } from '@dcp/protocol';
import { command } from './command.js';

/** Shows the user as online, away or offline, with a text of his own. */
export const updateStatusCommand = command({
  name: 'update_status',
  schema: updateStatus,
  cost: 5,
  async run(caller, { status, message }, { presence }) {
    if (caller.user !== null) presence.setStatus(caller.user, status, message);
    return { status };
  },
});
