import { addDevice, openIdentity } from '@dcp/client-sdk';
import { hostname } from 'node:os';
import { CLIENT_INFO, openClient, withClient, type Context } from '../context.js';
import { table } from '../output.js';
import { readPassphrase, type PassphraseOptions } from '../passphrase.js';

/** `dcp login`: makes this machine a device of the account; from then on no passphrase is needed here. */
export async function loginCommand(
  context: Context,
  options: PassphraseOptions & { deviceName?: string },
): Promise<void> {
  const { profile, output } = context;
  const file = await profile.identity();
  if (!(await profile.hasDevice())) {
    const open = await openIdentity(file, await readPassphrase(options));
    output.note('Adding this machine to your devices …');
    const device = await addDevice(open, options.deviceName ?? hostname(), CLIENT_INFO);
    open.seed.wipe();
    await profile.saveDevice(device);
  }
  await profile.forgetSession();
  // Connected once, so that others can write to this device from now on: its keys are published then.
  const { session, userId } = await withClient(context, async (client) => ({
    session: await client.sessions.fresh(),
    userId: client.userId,
  }));
  const device = await profile.device();
  const until = new Date(session.expires).toISOString();
  output.result(
    { user_id: userId, device: device.id, expires: until },
    `Logged in as ${userId} (${device.id}). Try: dcp join '#general'`,
  );
}

/** `dcp logout`: ends the session of this machine; its device stays in the log. */
export async function logoutCommand(context: Context): Promise<void> {
  const client = await openClient(context);
  const session = await context.profile.session();
  if (session !== undefined) await client.call(`/auth/sessions/${session.sessionId}`, { method: 'DELETE' });
  await context.profile.forgetSession();
  context.output.result({ ended: session?.sessionId ?? null }, 'Logged out.');
}

/** `dcp whoami` */
export async function whoamiCommand(context: Context): Promise<void> {
  const client = await openClient(context);
  const me = await client.call<Record<string, unknown>>('/accounts/me');
  const lines = [
    `user     ${String(me['user_id'])}`,
    `device   ${String(me['device'] ?? 'identity key')}`,
    `account  ${String(me['account_type'])}${me['admin'] === true ? ', owner of the node' : ''}`,
  ];
  context.output.result(me, lines.join('\n'));
}

interface SessionRow {
  id: string;
  device: string | null;
  client_info: { name: string } | null;
  created: string;
  expires: string;
  current: boolean;
}

/** `dcp sessions [--end ID|all]` */
export async function sessionsCommand(context: Context, options: { end?: string }): Promise<void> {
  const client = await openClient(context);
  if (options.end !== undefined) {
    const path = options.end === 'all' ? '/auth/sessions' : `/auth/sessions/${encodeURIComponent(options.end)}`;
    const answer = await client.call<{ revoked: number }>(path, { method: 'DELETE' });
    return context.output.result(answer, `${answer.revoked} session(s) ended.`);
  }
  const { sessions } = await client.call<{ sessions: SessionRow[] }>('/auth/sessions');
  const rows = sessions.map((row) => [
    row.current ? '*' : ' ',
    row.id,
    row.device ?? 'identity key',
    row.client_info?.name ?? '-',
    row.created,
    row.expires,
  ]);
  context.output.result({ sessions }, table([[' ', 'SESSION', 'DEVICE', 'CLIENT', 'SINCE', 'UNTIL'], ...rows]));
}
