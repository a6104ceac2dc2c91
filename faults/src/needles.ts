/** One way in which a marker may lie somewhere. */
export interface Needle {
  form: string;
  bytes: Buffer;
}

export interface Hit {
  form: string;
  /** What lies around it. */
  around: string;
}

/** A part of a marker is enough to find it: something may have cut it. */
const PART = 16;
const AROUND = 60;
export const LONGEST_NEEDLE = 4 * PART;

/** The first characters of an ASCII marker as they are, as UTF-16, hex, and base64 at each of its three offsets. */
export function needlesOf(marker: string): Needle[] {
  const part = marker.slice(0, PART);
  const hex = Buffer.from(part).toString('hex');
  // Without the last zero it is the same in both orders of bytes.
  const wide = Buffer.from(part, 'utf16le').subarray(0, -1);
  const forms: [string, Buffer][] = [
    ['ascii', Buffer.from(part)],
    ['upper case', Buffer.from(part.toUpperCase())],
    ['utf-16', wide],
    ['hex', Buffer.from(hex)],
    ['HEX', Buffer.from(hex.toUpperCase())],
    ...[0, 1, 2].flatMap((offset) => base64Forms(part, offset)),
  ];
  return forms.map(([form, bytes]) => ({ form, bytes }));
}

/** What base64 makes of the part whatever stands before and after it: the characters that depend on it alone. */
function base64Forms(part: string, offset: number): [string, Buffer][] {
  const text = Buffer.from('\0'.repeat(offset) + part)
    .toString('base64')
    .replace(/=+$/, '');
  const sure = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + part.length) * 8) / 6));
  const url = sure.replaceAll('+', '-').replaceAll('/', '_');
  return [...new Set([sure, url])].map((form) => [`base64+${offset}`, Buffer.from(form)]);
}

/** Every form that is there, with the first place of it. */
export function search(haystack: Buffer, needles: readonly Needle[]): Hit[] {
  return needles.flatMap(({ form, bytes }) => {
    const at = haystack.indexOf(bytes);
    if (at < 0) return [];
    const around = haystack.toString('latin1', Math.max(0, at - AROUND), at + AROUND).replace(/[^\x20-\x7e]/g, '.');
    return [{ form, around }];
  });
}
