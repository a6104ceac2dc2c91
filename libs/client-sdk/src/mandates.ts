import { signDigest } from '@dcp/crypto';
import { DcpError, type Mandate, mandateInput, mandateSchema, parseWith } from '@dcp/protocol';
import type { Device } from './session/device.js';

/** The owner's word whom he trusts in his place when the home of his channel is lost (TYPE MANDATE). Nobody: no mandate from now on. */
export function signMandate(
  device: Device,
  channelId: string,
  admins: readonly string[],
  serial: number,
  now = Date.now(),
): Mandate {
  const mandate = {
    channel_id: channelId,
    serial,
    admins: [...admins],
    issued: new Date(now).toISOString(),
    author: device.userId,
    device: device.id,
  };
  return parseWith(mandateSchema, { ...mandate, signature: signDigest(device.seed, mandateInput(mandate)) });
}

/** Of what nodes tell, the mandate for this channel that counts. */
export function newestMandate(channelId: string, ...told: unknown[]): Mandate | undefined {
  const mandates = told.flatMap((one) => mandateSchema.safeParse(one).data ?? []);
  return mandates.filter(({ channel_id }) => channel_id === channelId).toSorted((a, b) => b.serial - a.serial)[0];
}

export function requireAdmin(mandate: Mandate, userId: string): void {
  if (!mandate.admins.includes(userId)) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_an_admin' });
}
