import { CHANNEL } from '@dcp/contracts';
import {
  changeState as changeStateSchema,
  getState,
  type SystemAction,
  SYSTEM_ACTIONS,
  viewerName,
} from '@dcp/protocol';
import { changeAck } from '../channels/ack.js';
import { changeState } from '../channels/change-channel.js';
import { command } from './command.js';
import { visibleMessages } from './get-history.js';

/** One of the commands that carry an entry of the state chain (profile §4), signed by the caller. */
function stateCommand(name: string, actions: readonly SystemAction[]) {
  return command({
    name,
    schema: changeStateSchema,
    cost: 2,
    async run(caller, { channel, entry }, { bus, directory }) {
      const { user_id } = caller.session;
      const { channel_id } = await directory.resolve(channel, user_id);
      return changeAck(await changeState(caller.session, channel_id, entry, actions, bus), user_id);
    },
  });
}

export const inviteUserCommand = stateCommand('invite_user', [
  'user_invited',
  'invitation_revoked',
  'link_created',
  'link_revoked',
]);
export const kickUserCommand = stateCommand('kick_user', ['user_removed']);
export const banUserCommand = stateCommand('ban_user', ['user_banned', 'user_unbanned']);
/** Every entry that may follow the first. */
export const changeStateCommand = stateCommand(
  'change_state',
  SYSTEM_ACTIONS.filter((action) => action !== 'channel_created'),
);

/** A page of the state chain: whoever checks it begins with the genesis and reads until `has_more` is false. */
export const getStateCommand = command({
  name: 'get_state',
  schema: getState,
  cost: 3,
  async run(caller, { channel, after = 0, link }, { bus, directory }) {
    const { user_id } = caller.session;
    const { channel_id } = await directory.resolve(channel, user_id);
    const { name, entries, ...page } = await bus.request(CHANNEL.state, { channel_id, user_id, after, link });
    const shown = viewerName(name, user_id);
    return { channel: shown, ...page, entries: visibleMessages(entries, shown, null) };
  },
});
