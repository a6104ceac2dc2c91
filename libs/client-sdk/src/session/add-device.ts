import type { ClientInfo, DeviceEntry } from '@dcp/protocol';
import type { OpenIdentity } from '../identity/identity-file.js';
import { HttpApi } from '../transport/http.js';
import { newDevice, revocationOf, type Device } from './device.js';
import { SessionKeeper } from './session-keeper.js';

/**
 * Adds a device to the user's log: logs in once with the identity key (the first device of the literal form), appends the
 * certificate, ends that session. From then on the device logs in with its own key.
 */
export async function addDevice(identity: OpenIdentity, name: string, clientInfo: ClientInfo): Promise<Device> {
  return await withIdentityKey(identity, clientInfo, async (http, token) => {
    const { device, entry } = newDevice(identity, await deviceLogHead(http, token, identity), name);
    await http.call('/auth/devices', { method: 'POST', body: { entry }, token });
    return device;
  });
}

/** Takes a device out for good; its sessions end at once on every gateway. */
export async function revokeDevice(identity: OpenIdentity, device: string, clientInfo: ClientInfo): Promise<void> {
  await withIdentityKey(identity, clientInfo, async (http, token) => {
    const head = await deviceLogHead(http, token, identity);
    if (head === undefined) return;
    await http.call('/auth/devices', { method: 'POST', body: { entry: revocationOf(identity, head, device) }, token });
  });
}

async function withIdentityKey<T>(
  identity: OpenIdentity,
  clientInfo: ClientInfo,
  work: (http: HttpApi, token: string) => Promise<T>,
): Promise<T> {
  const { identity: section, home_node: home } = identity.file;
  const http = new HttpApi(home.endpoint);
  const credentials = {
    userId: section.full_id,
    nodeId: section.home_node_id,
    endpoint: home.endpoint,
    device: undefined,
    publicKey: section.public_key,
    seed: identity.seed,
  };
  const { token, sessionId } = await new SessionKeeper(http, credentials, clientInfo).prove();
  try {
    return await work(http, token);
  } finally {
    await http.call(`/auth/sessions/${sessionId}`, { method: 'DELETE', token }).catch(() => undefined);
  }
}

async function deviceLogHead(http: HttpApi, token: string, identity: OpenIdentity): Promise<DeviceEntry | undefined> {
  const { entries } = await http.call<{ entries: DeviceEntry[] }>(`/users/${identity.file.identity.full_id}/devices`, {
    token,
  });
  return entries.at(-1);
}
