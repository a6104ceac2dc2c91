import { CHANNEL_ID, DcpError, USER_ID } from '@dcp/protocol';

/**
 * Addresses that people send each other. A node id names no host, so a link carries one at which the node is found (profile §2, `via`).
 * - `dcp://join/ch_…?via=host`: a channel;
 * - `dcp://join/ch_…?via=host#secret`: an invite link, the part behind `#` never reaches a server;
 * - `dcp://user/{user id}?via=host`: somebody to write to.
 */
export type DcpLink =
  | { kind: 'channel'; channelId: string; via: string; secret?: string }
  | { kind: 'user'; userId: string; via: string };

const LINK = /^dcp:\/\/(join|user)\/([^/?#]{1,120})\?via=([^?#&\s]{1,600})(?:#([A-Za-z0-9_-]{43}))?$/;
const MAX_HOST = 255;

export function isLink(text: string): boolean {
  return text.startsWith('dcp://');
}

/** The parts of a link. Throws INVALID_MESSAGE_FORMAT for anything else. */
export function parseLink(text: string): DcpLink {
  const [, kind, id = '', host = '', secret] = LINK.exec(text) ?? [];
  const via = hostOf(host);
  if (kind === 'join' && CHANNEL_ID.test(id))
    return { kind: 'channel', channelId: id, via, ...(secret === undefined ? {} : { secret }) };
  if (kind === 'user' && USER_ID.test(id) && secret === undefined) return { kind: 'user', userId: id, via };
  throw notALink();
}

export function formatLink(link: DcpLink): string {
  const via = `?via=${encodeURIComponent(link.via)}`;
  if (link.kind === 'user') return `dcp://user/${link.userId}${via}`;
  return `dcp://join/${link.channelId}${via}${link.secret === undefined ? '' : `#${link.secret}`}`;
}

function hostOf(text: string): string {
  try {
    const host = decodeURIComponent(text);
    if (host.length > 0 && host.length <= MAX_HOST) return host;
  } catch {
    // Told below.
  }
  throw notALink();
}

function notALink(): DcpError {
  return new DcpError('INVALID_MESSAGE_FORMAT', {
    reason: 'not a link (dcp://join/{channel id}?via={host} or dcp://user/{user id}?via={host})',
  });
}
