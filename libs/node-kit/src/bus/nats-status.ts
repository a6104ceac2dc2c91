import { errors, type NatsConnection, type PermissionViolationError, type Status } from '@nats-io/transport-node';
import type { Logger } from '../logging/logger.js';

export interface StatusListener {
  lost(server: string): void;
  back(server: string): void;
  /** The server refused to pass on what we published. Refused subscriptions report themselves through their callback. */
  publishRefused(error: PermissionViolationError): void;
}

/** Hands on what the client library reports about its connection; resolves when the connection is closed. */
export async function watchStatus(nats: NatsConnection, logger: Logger, listener: StatusListener): Promise<void> {
  for await (const status of nats.status()) onStatus(status, logger, listener);
}

function onStatus(status: Status, logger: Logger, listener: StatusListener): void {
  if (status.type === 'disconnect') listener.lost(status.server);
  else if (status.type === 'reconnect') listener.back(status.server);
  else if (status.type === 'error') onError(status.error, logger, listener);
  else if (status.type === 'slowConsumer' || status.type === 'staleConnection') {
    logger.warn({ status: status.type }, 'NATS is slow');
  }
}

function onError(error: Error, logger: Logger, listener: StatusListener): void {
  if (!(error instanceof errors.PermissionViolationError)) logger.error({ err: error }, 'NATS refused something');
  else if (error.operation === 'publish') listener.publishRefused(error);
}
