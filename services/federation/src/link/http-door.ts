import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Logger, newRequestId, reportFailure, toHttp } from '@dcp/node-kit';
import { DcpError, MAX_PEER_FRAME, parseJson } from '@dcp/protocol';
import { DOCUMENT_PATH } from '../discovery/document-fetch.js';
import { LINK_PATH } from '../node/own-document.js';

export interface HttpDoorParts {
  logger: Logger;
  document: () => Promise<object>;
  /** One signed frame (§10.2). */
  frame: (value: unknown) => Promise<object>;
}

/** The two addresses of the listener that need no link: the node document, and the frames of §10.2 one by one. */
export function httpDoor(parts: HttpDoorParts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(parts, request).then(
      (body) => send(response, body === undefined ? 404 : 200, body ?? {}),
      (error: unknown) => {
        const requestId = newRequestId();
        reportFailure(parts.logger, error, requestId);
        const { status, body, headers } = toHttp(error, requestId);
        send(response, status, body, headers);
      },
    );
  };
}

async function answer({ document, frame }: HttpDoorParts, request: IncomingMessage): Promise<object | undefined> {
  if (request.method === 'GET' && request.url === DOCUMENT_PATH) return await document();
  if (request.method !== 'POST' || request.url !== `${LINK_PATH}/frames`) return undefined;
  return await frame(parseJson(await readBody(request)));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += (part as Buffer).length;
    if (length > MAX_PEER_FRAME) throw new DcpError('MESSAGE_TOO_LARGE', { reason: 'peer_frame' });
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(body));
}
