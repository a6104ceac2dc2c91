import type { HttpRequest } from '../transport/http.js';

/** How the encryption reaches the home node: commands over the socket, calls over REST. Both reject with DcpError. */
export interface NodePort {
  command<T>(command: string, data: object): Promise<T>;
  rest<T>(path: string, request?: Pick<HttpRequest, 'method' | 'body' | 'timeoutMs'>): Promise<T>;
}
