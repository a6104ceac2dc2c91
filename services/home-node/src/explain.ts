import { ConfigError, PostgresStartError } from '@dcp/node-kit';
import { HsmError } from '@dcp/node-kit/node-key';

/** EX_CONFIG of sysexits.h. */
const EXIT_CONFIG = 78;

/** What a person can put right himself is told in plain words, without a stack; everything else goes on to the log. Ends the process. */
export function explain(error: unknown): never {
  const text = explanation(error);
  if (text === undefined) throw error;
  process.stderr.write(`\n${text}\n\n`);
  process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
}

function explanation(error: unknown): string | undefined {
  const isPlain = [ConfigError, PostgresStartError, HsmError].some((kind) => error instanceof kind);
  if (isPlain) return (error as Error).message;
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `Port ${port} of ${address} is taken: another node or program uses it. Choose another one (npm start -- --port 8009), or set DCP_HEALTH_PORT if it is ${port}.`;
  }
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be opened by this user: choose one above 1023.`;
  return undefined;
}
