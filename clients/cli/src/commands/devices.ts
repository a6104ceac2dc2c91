import { openIdentity, revokeDevice } from '@dcp/client-sdk';
import { CLIENT_INFO, withClient, type Context } from '../context.js';
import { printable, table } from '../output.js';
import { readPassphrase, type PassphraseOptions } from '../passphrase.js';

/** `dcp devices [--of USER]`: the devices that read what is sent to somebody. */
export async function devicesCommand(context: Context, options: { of?: string }): Promise<void> {
  const own = await context.profile.device();
  const user = options.of ?? own.userId;
  const devices = await withClient(context, (client) => client.people.devices(user));
  const rows = devices.map(({ id, name, added, postQuantum }) => [
    id === own.id ? '*' : ' ',
    id,
    printable(name),
    added.slice(0, 16).replace('T', ' '),
    postQuantum ? 'post-quantum' : 'classical',
  ]);
  context.output.result({ devices }, table([[' ', 'DEVICE', 'NAME', 'SINCE', 'FIRST CONTACT'], ...rows]));
}

/** `dcp devices revoke DEVICE`: its sessions end at once, and it reads nothing that comes later. */
export async function revokeDeviceCommand(
  { profile, output }: Context,
  device: string,
  options: PassphraseOptions,
): Promise<void> {
  const open = await openIdentity(await profile.identity(), await readPassphrase(options));
  await revokeDevice(open, device, CLIENT_INFO);
  open.seed.wipe();
  output.result({ revoked: device }, `${device} is revoked: it is logged out and gets no more keys.`);
}

/** `dcp verify USER [--confirm | --accept]` */
export async function verifyCommand(
  context: Context,
  user: string,
  options: { confirm?: boolean; accept?: boolean },
): Promise<void> {
  await withClient(context, async ({ people }) => {
    if (options.accept === true) await people.acceptIdentity(user);
    const number = await people.safetyNumber(user);
    if (options.confirm === true) await people.markVerified(user);
    const verified = await people.isVerified(user);
    context.output.result({ user_id: user, safety_number: number, verified }, verifyText(user, number, verified));
  });
}

function verifyText(user: string, number: string, verified: boolean): string {
  const groups = number.replaceAll(' ', '').match(/.{1,5}/g) ?? [];
  const lines = [0, 4, 8].map((at) => `  ${groups.slice(at, at + 4).join(' ')}`);
  const end = verified
    ? 'You have confirmed that it is the same on both sides.'
    : `Compare it with what ${user} sees (dcp verify YOU), by voice or side by side. The same? Then: dcp verify ${user} --confirm`;
  return [`Safety number with ${user}:`, ...lines, end].join('\n');
}
