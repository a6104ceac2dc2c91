import { type BusError, fromBus, toBus } from '../errors/bus-error.js';

/** What travels back on NATS: `{data}` or `{error}`. */
interface Reply {
  data?: unknown;
  error?: BusError;
}

/** JSON text as bytes; an absent payload is no bytes. */
export function encodePayload(payload: unknown): Buffer {
  const text = JSON.stringify(payload) as string | undefined;
  return Buffer.from(text ?? '');
}

export function decodePayload(data: Uint8Array): unknown {
  if (data.length === 0) return undefined;
  return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString());
}

export function encodeAnswer(data: unknown): Buffer {
  return encodePayload({ data });
}

export function encodeFailure(failure: unknown): Buffer {
  return encodePayload({ error: toBus(failure) });
}

/** The answer of another service, or throws the DcpError that it threw. */
export function decodeReply(bytes: Uint8Array): unknown {
  const reply = decodePayload(bytes) as Reply;
  if (reply.error !== undefined) throw fromBus(reply.error);
  return reply.data;
}
