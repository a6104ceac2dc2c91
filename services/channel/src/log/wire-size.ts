import type { Entry } from '@dcp/contracts';

/** Bytes of an entry's members beside `id`, `type`, `author` and `body`, with room to spare. */
const FRAME_BYTES = 160;

/** Bytes that an entry takes in a bus message, never less than it really does: its body is quoted JSON there once more. */
export function wireSize(entry: Entry): number {
  return FRAME_BYTES + entry.id.length + entry.type.length + entry.author.length + quotedSize(entry.body);
}

/** UTF-8 bytes of a JSON text as a JSON string: `"` and `\` are escaped, control characters were so already. */
function quotedSize(json: string): number {
  let bytes = json.length + 2;
  for (let i = 0; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
    else if (unit === 0x22 || unit === 0x5c) bytes++;
  }
  return bytes;
}
