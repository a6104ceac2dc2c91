import { createLogger, type Logger } from '@dcp/node-kit';

export interface CapturedLog {
  logger: Logger;
  /** Every line so far, parsed. */
  lines: Record<string, unknown>[];
  /** The same as text, to search for what must not be there. */
  text(): string;
}

/** A logger that keeps its lines, from `trace` on. */
export function captureLogger(service = 'test'): CapturedLog {
  const raw: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => {
      raw.push(line);
      lines.push(JSON.parse(line) as Record<string, unknown>);
    },
  };
  return { logger: createLogger({ service, level: 'trace', destination }), lines, text: () => raw.join('') };
}
