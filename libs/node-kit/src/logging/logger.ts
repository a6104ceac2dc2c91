import { type Bindings, type ChildLoggerOptions, pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { isError } from '../errors/is-error.js';
import { prettyStream } from './pretty.js';
import { randomId } from './request-id.js';
import { redactMembers } from './redact.js';

export type Logger = PinoLogger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  /** Name of the service, in every line. */
  service: string;
  level?: LogLevel;
  /** Lines for people instead of JSON. */
  pretty?: boolean;
  /** Tells replicas apart; drawn at random by default. */
  instance?: string;
  /** Where lines go; standard output by default. */
  destination?: DestinationStream;
}

/** For code that is given no logger. */
export const silentLogger: Logger = pino({ level: 'silent' });

/**
 * A pino logger whose lines carry service, instance and ISO time, and never content or secrets: members are redacted by name at any
 * depth, errors lose the values that they quote. Message texts are not searched: they must be constant.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? (options.pretty === true ? prettyStream(process.stdout) : undefined);
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.service, instance: options.instance ?? randomId(8) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: object) => redactMembers(fields),
    },
    // Errors are safe forms by now; pino's own serializer would join the texts of all causes.
    serializers: { err: (error: unknown) => error },
    hooks: { logMethod: withoutErrorText },
  };
  return withRedactedChildren(destination === undefined ? pino(settings) : pino(settings, destination));
}

/** pino gives a child's bindings to no formatter; children inherit this method, so it holds for theirs too. */
function withRedactedChildren(logger: Logger): Logger {
  const plainChild = logger.child;
  const child = function (this: Logger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
    return Reflect.apply(plainChild, this, [redactMembers(bindings), options]) as Logger;
  };
  return Object.assign(logger, { child });
}

/** `logger.error(error)` would make the error's own text the message; its name says enough beside the safe form in `err`. */
function withoutErrorText(this: Logger, args: unknown[], method: (...args: unknown[]) => void): void {
  const [first, second] = args;
  if (isError(first) && second === undefined) method.apply(this, [{ err: first }, first.name]);
  else if (isFieldsWithError(first) && second === undefined) method.apply(this, [first, first.err.name]);
  else method.apply(this, args);
}

function isFieldsWithError(value: unknown): value is { err: Error } {
  return typeof value === 'object' && value !== null && isError((value as { err?: unknown }).err);
}
