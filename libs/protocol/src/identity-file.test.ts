import { describe, expect, it } from '@jest/globals';
import { DcpError } from './errors.js';
import {
  MAX_AVATAR_BYTES,
  parseIdentityFile,
  parseRegisteredIdentity,
  restUrl,
  webSocketUrl,
} from './identity-file.js';

type Tree = { [member: string]: Tree } & Record<string, unknown>;

const file = () =>
  structuredClone({
    version: '1.0',
    identity: {
      full_id: 'a7f3k9m2.alice-river-7x9k',
      home_node_id: 'a7f3k9m2',
      username: 'alice-river-7x9k',
      public_key: 'ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
      created: '2025-09-06T10:30:00Z',
    },
    home_node: { endpoint: 'wss://chat.example.com' },
    encrypted_data: 'AAAA',
    signature: 'ed25519:AAAA',
  }) as unknown as Tree;

const set = (path: string, value: unknown): Tree => {
  const tree = file();
  const members = path.split('.');
  const last = members.pop() as string;
  let at: Tree = tree;
  for (const member of members) at = at[member] as Tree;
  if (value === undefined) delete at[last];
  else (at as Record<string, unknown>)[last] = value;
  return tree;
};

const fault = (value: unknown, parse: (file: unknown) => unknown = parseIdentityFile) => {
  try {
    parse(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    return { code: error.code, path: error.details['path'] };
  }
};

describe('identity files (§4)', () => {
  it('[DCP-4.2-08] the required members are enough', () => {
    expect(parseIdentityFile(file())).toEqual(file());
  });

  it.each([
    'version',
    'identity.full_id',
    'identity.home_node_id',
    'identity.username',
    'identity.public_key',
    'identity.created',
    'home_node.endpoint',
    'encrypted_data',
    'signature',
  ])('[DCP-4.2-07] without %s the file is refused, and the member is named', (path) => {
    expect(fault(set(path, undefined))).toEqual({ code: 'INVALID_MESSAGE_FORMAT', path });
  });

  it.each(['1.1', '2.0', '1', ''])('[DCP-4.2-01] [DCP-14.2-15] version %j is refused', (version) => {
    expect(fault(set('version', version))?.code).toBe('PROTOCOL_VERSION_MISMATCH');
  });

  it.each([
    ['identity.full_id', 'a7f3k9m2.bob-river-7x9k'],
    ['identity.username', 'bob-river-7x9k'],
    ['identity.home_node_id', 'b7f3k9m2'],
    ['home_node.id', 'b7f3k9m2'],
  ])('[DCP-4.2-02] a %s of its own does not fit the others', (path, value) => {
    expect(fault(set(path, value))?.code).toBe('INVALID_MESSAGE_FORMAT');
  });

  it.each([1757154600, 'yesterday', '2025-09-06', '2025-13-06T10:30:00Z', '2025-09-06T10:30:00+02:00'])(
    '[DCP-4.2-03] created %j is refused',
    (value) => {
      expect(fault(set('identity.created', value))).toEqual({
        code: 'INVALID_MESSAGE_FORMAT',
        path: 'identity.created',
      });
    },
  );

  it.each(['', 'http://chat.example.com', 'https://chat.example.com', 'chat.example.com', 'wss://'])(
    '[DCP-4.2-04] endpoint %j is refused',
    (value) => {
      expect(fault(set('home_node.endpoint', value))).toEqual({
        code: 'INVALID_MESSAGE_FORMAT',
        path: 'home_node.endpoint',
      });
    },
  );

  it('[DCP-4.2-09] an avatar may have 50 KB of image', () => {
    const avatar = (bytes: number) => `data:image/png;base64,${Buffer.alloc(bytes).toString('base64')}`;
    expect(fault(set('identity.avatar', avatar(MAX_AVATAR_BYTES)))).toBeUndefined();
    expect(fault(set('identity.avatar', avatar(MAX_AVATAR_BYTES + 1)))?.path).toBe('identity.avatar');
    expect(fault(set('identity.avatar', 'https://example.com/me.png'))?.path).toBe('identity.avatar');
  });

  it('[DCP-4.2-10] a bio has 500 characters, not bytes', () => {
    expect(fault(set('identity.bio', '🙂'.repeat(500)))).toBeUndefined();
    expect(fault(set('identity.bio', 'a'.repeat(501)))?.path).toBe('identity.bio');
  });

  it('[DCP-4.2-11] the account type is one of three', () => {
    for (const type of ['standard', 'minimal', 'temporary']) expect(fault(set('account_type', type))).toBeUndefined();
    expect(fault(set('account_type', 'admin'))?.path).toBe('account_type');
  });

  it('encrypted_data may stay at home when registering', () => {
    expect(fault(set('encrypted_data', undefined), parseRegisteredIdentity)).toBeUndefined();
  });

  it('X-02: an endpoint without a path means /ws/v1', () => {
    expect(webSocketUrl('wss://chat.example.com')).toBe('wss://chat.example.com/ws/v1');
    expect(webSocketUrl('wss://chat.example.com/other')).toBe('wss://chat.example.com/other');
    expect(restUrl('ws://127.0.0.1:8008/ws/v1')).toBe('http://127.0.0.1:8008/api/v1');
  });
});
