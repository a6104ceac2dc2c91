import { Writable } from 'node:stream';

/** One readable line for each log line, for a person at a terminal. Machines read the JSON form. */
export function prettyStream(out: NodeJS.WritableStream): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      out.write(prettyLine(String(chunk)));
      done();
    },
  });
}

export function prettyLine(line: string): string {
  const { time, level, service, msg, instance: _instance, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(service)}: ${String(msg ?? '')}${fields}\n`;
}
