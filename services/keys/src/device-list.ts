import type { DeviceReference } from '@dcp/protocol';

/** One word for a device, as key of a map. */
export function deviceKey({ user_id, device }: DeviceReference): string {
  return `${user_id}/${device}`;
}

/** Each device once, in the order in which they were named. */
export function distinctDevices(devices: DeviceReference[]): DeviceReference[] {
  return [
    ...new Map(devices.map(({ user_id, device }) => [deviceKey({ user_id, device }), { user_id, device }])).values(),
  ];
}

/** Two columns for `unnest`. */
export function deviceColumns(devices: DeviceReference[]): [users: string[], devices: string[]] {
  return [devices.map(({ user_id }) => user_id), devices.map(({ device }) => device)];
}
