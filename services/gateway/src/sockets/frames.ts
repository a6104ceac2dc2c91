/** Server-to-client text frames of RFC 6455 §5.2: FIN, opcode 1, no mask. */

/** One text frame around a text. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = headLength(length);
  const frame = Buffer.allocUnsafe(head + length);
  writeHead(frame, length);
  frame.write(text, head, 'utf8');
  return frame;
}

function headLength(payload: number): number {
  if (payload < 126) return 2;
  return payload < 65_536 ? 4 : 10;
}

function writeHead(frame: Buffer, payload: number): void {
  frame[0] = 0x81;
  if (payload < 126) {
    frame[1] = payload;
  } else if (payload < 65_536) {
    frame[1] = 126;
    frame.writeUInt16BE(payload, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(payload), 2);
  }
}

/** The texts of whole frames as `textFrame` makes them. */
export function readTextFrames(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const { head, length } = readHead(bytes, at);
    texts.push(bytes.toString('utf8', at + head, at + head + length));
    at += head + length;
  }
  return texts;
}

function readHead(bytes: Buffer, at: number): { head: number; length: number } {
  const short = bytes[at + 1] ?? 0;
  if (short < 126) return { head: 2, length: short };
  if (short === 126) return { head: 4, length: bytes.readUInt16BE(at + 2) };
  return { head: 10, length: Number(bytes.readBigUInt64BE(at + 2)) };
}
