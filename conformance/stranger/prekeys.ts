import type { ClientSocket } from './client-socket.js';
import type { Device, OwnPrekey } from './device.js';
import type { Dict } from './json.js';

export type Prekey = Dict & { id: number; key: string; kind: string; signature: string };

export interface Bundle extends Dict {
  user_id: string;
  device: string;
  epoch: number;
  signed: Prekey;
  one_time?: Prekey;
  kem?: Prekey;
}

export interface Claimed extends Dict {
  bundles: Bundle[];
  missing: unknown[];
}

export function publish(socket: ClientSocket, prekeys: OwnPrekey[], epoch = 1): Promise<Dict> {
  return socket.ack('publish_keys', { epoch, prekeys: prekeys.map(({ published }) => published) });
}

export function claim(socket: ClientSocket, ...devices: Device[]): Promise<Claimed> {
  return socket.ack<Claimed>('claim_keys', { devices: devices.map(({ reference }) => reference) });
}
