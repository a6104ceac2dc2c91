import { AUTH, KEYS } from '@dcp/contracts';
import {
  acknowledgeKeys,
  claimKeys,
  DcpError,
  fetchKeys,
  getDevices,
  MAX_FETCH_KEYS,
  MAX_SEND_KEYS_BYTES,
  publishKeys,
  routedMessage,
  sendKeys,
} from '@dcp/protocol';
import { command } from './command.js';

/** What devices need of the node for pairwise sessions (profile §5). The keys service checks everything; here only the door's limits. */

/** Every prekey's signature is checked. */
export const publishKeysCommand = command({
  name: 'publish_keys',
  schema: publishKeys,
  cost: 5,
  run: ({ session }, { epoch, prekeys }, { bus }) => bus.request(KEYS.publish, { session, epoch, prekeys }),
});

export const claimKeysCommand = command({
  name: 'claim_keys',
  schema: claimKeys,
  cost: 5,
  run: ({ session }, { devices }, { bus }) => bus.request(KEYS.claim, { session, devices }),
});

/** 2001 when it is more than one frame should hold; 3003 for an account that sends too much. */
export const sendKeysCommand = command({
  name: 'send_keys',
  schema: sendKeys,
  cost: 3,
  run({ session }, { messages }, { bus, limits }) {
    const size = messages.reduce((sum, { body }) => sum + body.length, 0);
    if (size > MAX_SEND_KEYS_BYTES) throw new DcpError('MESSAGE_TOO_LARGE', { size, max_size: MAX_SEND_KEYS_BYTES });
    limits.bytes(session.user_id, size);
    return bus.request(KEYS.send, { session, messages });
  },
});

/** §10.2. Who sends it is told to nobody but this node. */
export const routeMessageCommand = command({
  name: 'route_message',
  schema: routedMessage,
  cost: 3,
  run({ session }, { destination_user, encrypted_message }, { bus, limits }) {
    limits.bytes(session.user_id, encrypted_message.length);
    return bus.request(KEYS.route, { session, message: { destination_user, encrypted_message } });
  },
});

export const fetchKeysCommand = command({
  name: 'fetch_keys',
  schema: fetchKeys,
  cost: 3,
  run: ({ session }, { after, limit = MAX_FETCH_KEYS }, { bus }) => bus.request(KEYS.fetch, { session, after, limit }),
});

export const acknowledgeKeysCommand = command({
  name: 'ack_keys',
  schema: acknowledgeKeys,
  cost: 1,
  run: ({ session }, { up_to }, { bus }) => bus.request(KEYS.acknowledge, { session, up_to }),
});

/** `{logs}`: each with the identity key that signs it, and `has_more` where the answer was cut. */
export const getDevicesCommand = command({
  name: 'get_devices',
  schema: getDevices,
  cost: 3,
  run: (_caller, { users }, { bus }) => bus.request(AUTH.deviceLogs, { users }),
});
