import type { Session } from '@dcp/contracts';
import { DcpError, type DeviceReference } from '@dcp/protocol';

/** The device of a session. The identity key as first device (`device: null`) has no sessions with others, hence no prekeys and no queue. */
export function ownDevice({ user_id, device }: Session): DeviceReference {
  if (device === null) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'device_required' });
  return { user_id, device };
}
