import { describe, expect, it } from '@jest/globals';
import { natsServerConfig } from './nats-permissions.js';

const user = { name: 'channel', password: 'secret', publish: ['log.*', '$JS.API.INFO'], subscribe: ['channel.>'] };

describe('natsServerConfig', () => {
  it('allows each user its own subjects and its own inbox only', () => {
    expect(natsServerConfig({ port: 4222, users: [user], storeDir: '/data', monitorPort: 8222 })).toBe(
      [
        'listen: "127.0.0.1:4222"',
        'http: "127.0.0.1:8222"',
        'jetstream { store_dir: "/data" }',
        'authorization {',
        '  users = [',
        '    { user: "channel", password: "secret", permissions: {',
        '      publish: { allow: ["dcp.log.*", "$JS.API.INFO"] }',
        '      subscribe: { allow: ["_INBOX_channel.>", "dcp.channel.>"] }',
        '      allow_responses: { max: 1, expires: "2m" }',
        '    } }',
        '  ]',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('denies publishing when nothing is listed, because an empty list would allow everything', () => {
    expect(natsServerConfig({ port: 1, users: [{ ...user, publish: [] }] })).toContain('publish: { deny: ">" }');
  });

  it.each([
    ['a name that could widen the inbox', { ...user, name: 'a.>' }],
    ['a password that looks like a hash', { ...user, password: '$2a$11$x' }],
    ['a line break', { ...user, password: 'a\nb' }],
  ])('refuses %s', (_what, bad) => {
    expect(() => natsServerConfig({ port: 1, users: [bad] })).toThrow(TypeError);
  });
});
