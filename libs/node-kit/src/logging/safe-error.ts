import { isError } from '../errors/is-error.js';

/** An error as it may be logged: what failed and where, without the values that it failed on. */
export interface SafeError {
  type: string;
  message: string;
  code?: string | number;
  constraint?: string;
  table?: string;
  stack?: string;
  cause?: SafeError;
}

const MAX_CAUSES = 4;
const CREDENTIALS = /:\/\/[^@/\s]*@/g;
const QUOTED = /"[^"]*"?|'[^']*'?/g;

export function safeError(error: Error, depth = 0): SafeError {
  const { code, constraint, table } = error as { code?: unknown; constraint?: unknown; table?: unknown };
  const frames = stackFrames(error);
  return {
    type: error.name,
    message: safeMessage(error, code),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof constraint === 'string' ? { constraint } : {}),
    ...(typeof table === 'string' ? { table } : {}),
    ...(frames === undefined ? {} : { stack: frames }),
    ...(isError(error.cause) && depth < MAX_CAUSES ? { cause: safeError(error.cause, depth + 1) } : {}),
  };
}

/** Without passwords in URLs, and without quoted values where a library quotes its input. */
function safeMessage(error: Error, code: unknown): string {
  const message = error.message.replace(CREDENTIALS, '://[redacted]@');
  return quotesInput(error, code) ? message.replace(QUOTED, '"…"') : message;
}

/** JSON.parse quotes what it read; PostgreSQL quotes values in data exceptions (class 22) and broken constraints (class 23). */
function quotesInput(error: Error, code: unknown): boolean {
  return error.name === 'SyntaxError' || /^2[23][0-9A-Z]{3}$/.test(String(code));
}

/** A stack begins with the message: only its frames are kept. */
function stackFrames(error: Error): string | undefined {
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at '));
  return frames === undefined || frames.length === 0 ? undefined : frames.join('\n');
}
