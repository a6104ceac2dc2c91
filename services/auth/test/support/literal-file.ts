import type { File } from './person.js';
import type { World } from './world.js';

/** The members of §4.1 that people see. */
export function literalIdentity(): object {
  return {
    display_name: 'Alice River',
    avatar: 'data:image/png;base64,iVBORw0KGgoAAAANSU...',
    bio: 'Software developer and coffee enthusiast',
    pronouns: 'she/her',
    metadata: { timezone: 'UTC-8', languages: ['en', 'es'] },
  };
}

/** The rest of the file of §4.1, at this node. */
export function literalFile(world: World): object {
  return {
    preferences: {
      theme: 'dark',
      notifications: { enabled: true, sound: 'subtle', mobile_push: true },
      privacy: { show_online_status: true, allow_direct_messages: true, message_retention: '90d' },
      blocked_users: [],
      aliases: {
        users: { bob: 'b8x1n5p4.bob-smith-2x1m' },
        channels: { general: '#general', dev: '#development/general' },
      },
    },
    home_node: {
      id: world.nodeId,
      endpoint: 'wss://chat.example.com',
      name: 'Example Community Node',
      joined: '2025-09-06T10:30:00Z',
    },
    account_type: 'standard',
    encrypted_data: 'base64-encoded-encrypted-blob',
  };
}

/** The file without one member; signed again where the identity changed. */
export function without(file: File, path: string): File {
  const [outer = '', inner] = path.split('.');
  if (inner === undefined) return Object.fromEntries(Object.entries(file).filter(([name]) => name !== outer)) as File;
  const section = Object.entries(file[outer] as object).filter(([name]) => name !== inner);
  return { ...file, [outer]: Object.fromEntries(section) };
}
