import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor, openSocket, refusedUpgrade } from '../stranger/actor.js';
import { expectErrorBody } from '../stranger/errors.js';
import { dial } from '../stranger/raw-socket.js';
import { OPCODE } from '../stranger/ws-frames.js';

conformance('§7.1 connection', (node) => {
  it('[DCP-7.1-01] [DCP-16.1-04] upgrades at /ws/v1 with 101, nowhere else', async () => {
    const opened = await dial(node.url());
    expect(opened).toMatchObject({ status: 101 });
    opened.socket?.break();
    for (const path of ['/', '/ws', '/ws/v2', '/ws/v1/', '/api/v1/channels', '/ws/v1/../v1x', '/%2e%2e/ws/v1']) {
      const { status, socket } = await dial(node.url(), { path });
      socket?.break();
      expect({ path, status }).toEqual({ path, status: 404 });
    }
  });

  it('[DCP-7.1-02] echoes dcp-v1 and no other value that was offered', async () => {
    for (const protocols of [['dcp-v1'], ['x', 'dcp-v1'], ['dcp-v2', 'dcp-v1'], ['dcp-v1', 'dcp.manual']]) {
      const { headers, socket } = await dial(node.url(), { protocols });
      socket?.break();
      expect(headers.get('sec-websocket-protocol')).toBe('dcp-v1');
    }
  });

  it('[DCP-7.1-02] [DCP-14.2-15] without dcp-v1 the handshake fails: 9002 for another version, 2000 for none', async () => {
    for (const protocols of [['dcp-v2'], ['dcp-v9'], ['dcp-v0', 'dcp-v2']]) {
      const { status, error } = await refusedUpgrade(node.url(), { protocols });
      expect(status).toBe(426);
      expectErrorBody(error, 'PROTOCOL_VERSION_MISMATCH');
    }
    for (const protocols of [[], ['chat'], ['DCP-V1x']]) {
      const { status, error } = await refusedUpgrade(node.url(), { protocols });
      expect(status).toBe(400);
      expectErrorBody(error, 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('[DCP-7.1-03] a token in the header of §7.1, or as a subprotocol value for browsers, needs no challenge', async () => {
    const alice = await Actor.register(node);
    const headers = { Authorization: `Bearer ${alice.token}` };
    const byProtocol = { protocols: ['dcp-v1', `dcp.bearer.${alice.token}`] };
    for (const request of [{ headers }, byProtocol]) {
      const socket = await openSocket(node, alice.url, request);
      expect(await socket.ack('update_status', { status: 'online' })).toMatchObject({ status: 'online' });
    }
    const { headers: answered, socket } = await dial(alice.url, byProtocol);
    socket?.break();
    expect(answered.get('sec-websocket-protocol')).toBe('dcp-v1');
  });

  it('[DCP-7.1-03] a bad token is refused at the upgrade, and one in the URL is not looked at', async () => {
    const alice = await Actor.register(node);
    for (const token of ['x', `${alice.token}x`, `x${alice.token}`, 'a.b.c']) {
      const { status, error } = await refusedUpgrade(alice.url, { headers: { Authorization: `Bearer ${token}` } });
      expect(status).toBe(401);
      expectErrorBody(error, 'INVALID_CREDENTIALS');
    }
    const socket = await openSocket(node, alice.url, {
      path: `/ws/v1?token=${alice.token}&access_token=${alice.token}`,
    });
    await socket.refused('update_status', { status: 'online' }, 'INVALID_CREDENTIALS');
  });

  it('[DCP-16.1-04] pings are answered with their payload, fragments are put together', async () => {
    const alice = await Actor.register(node);
    const { raw, answer } = await open(alice);
    const pong = new Promise<Buffer>((resolve) => (raw.onPong = resolve));
    raw.sendFrame(OPCODE.ping, 'are you there');
    expect((await pong).toString()).toBe('are you there');
    const text = JSON.stringify({ command: 'update_status', id: 'f1', data: { status: 'online' } });
    raw.sendFrame(OPCODE.text, text.slice(0, 10), { fin: false });
    raw.sendFrame(OPCODE.ping, 'in between');
    raw.sendFrame(OPCODE.continuation, text.slice(10, 20), { fin: false });
    raw.sendFrame(OPCODE.continuation, text.slice(20));
    expect(await answer('f1')).toMatchObject({ event: 'ack', id: 'f1' });
    expect(await raw.close()).toMatchObject({ code: 1000 });
  });

  async function open(actor: Actor) {
    const socket = await actor.connect();
    return { raw: socket.raw, socket, answer: (id: string) => socket.answer(id) };
  }

  it('binary frames are refused with 2000 and the socket closed', async () => {
    const { raw, socket } = await open(await Actor.register(node));
    raw.sendFrame(OPCODE.binary, JSON.stringify({ command: 'update_status', id: 'b', data: { status: 'away' } }));
    const { error } = await socket.next(({ event }) => event === 'error', 'error');
    expectErrorBody(error, 'INVALID_MESSAGE_FORMAT');
    expect((await raw.closed).code).toBe(1003);
  });

  it('faults of the framing close the socket with the codes of RFC 6455', async () => {
    const alice = await Actor.register(node);
    const faults: [number[], (raw: Awaited<ReturnType<typeof open>>['raw']) => void][] = [
      [[1002], (raw) => raw.sendFrame(OPCODE.text, '{}', { masked: false })],
      [[1002], (raw) => raw.sendFrame(OPCODE.text, '{}', { reserved: 0x40 })],
      [[1002], (raw) => raw.sendFrame(3, 'x')],
      [[1002], (raw) => raw.sendFrame(11, 'x')],
      [[1002], (raw) => raw.sendFrame(OPCODE.ping, 'x'.repeat(126))],
      [[1002], (raw) => raw.sendFrame(OPCODE.continuation, 'x')],
      [[1007], (raw) => raw.sendFrame(OPCODE.text, Buffer.from([0x22, 0xff, 0xfe, 0x22]))],
      [[1009], (raw) => raw.sendFrame(OPCODE.text, 'x'.repeat(1_000_000))],
      [[1002, 1006, 1009], (raw) => raw.sendBytes(Buffer.alloc(4_096, 0xff))],
    ];
    for (const [codes, fault] of faults) {
      const { raw } = await open(alice);
      fault(raw);
      expect(codes).toContain((await raw.closed).code);
    }
    await (await alice.connect()).ack('update_status', { status: 'online' });
  });

  it('an upgrade that is no WebSocket upgrade is refused', async () => {
    for (const headers of [{ 'Sec-WebSocket-Version': '7' }, { 'Sec-WebSocket-Key': 'x' }]) {
      const { status, socket } = await dial(node.url(), { headers });
      socket?.break();
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
  });
});

conformance('§7 frames', (node) => {
  it('[DCP-14.1-01] [DCP-6.4-03] a frame that is no command is refused with 2000', async () => {
    const socket = await (await Actor.register(node)).connect();
    const frames = [
      '',
      ' ',
      'hello',
      '{',
      '{"command":"update_status"',
      '[]',
      'null',
      '5',
      '"x"',
      '{}',
      '{"data":{}}',
      '{"command":5}',
      '{"command":null}',
      '{"command":""}',
      `{"command":"${'x'.repeat(65)}"}`,
      '{"command":"update_status","data":[]}',
      '{"command":"update_status","data":"online"}',
      '{"command":"update_status","data":{"status":"online","status":"away"}}',
      '{"command":"update_status","command":"typing"}',
      '{"command":"update_status","data":{"status":"online","message":"\\u0000"}}',
      '{"command":"update_status","data":{"status":"online","message":"\\ud800"}}',
      '{"command":"update_status","data":{"status":"online","n":1e999}}',
      `{"command":"update_status","data":{"status":"online","deep":${'['.repeat(100)}${']'.repeat(100)}}}`,
      `{"command":"update_status","data":{"status":"online","deep":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}}`,
      '\ufeff{"command":"update_status","data":{"status":"online"}}',
      '{"command":"update_status","id":"","data":{"status":"online"}}',
      '{"command":"update_status","id":7,"data":{"status":"online"}}',
      `{"command":"update_status","id":"${'x'.repeat(65)}","data":{"status":"online"}}`,
    ];
    for (const frame of frames) {
      socket.send(frame);
      const answer = await socket.next(
        ({ event }) => event === 'error' || event === 'ack',
        `answer to ${frame.slice(0, 80)}`,
      );
      expect({ frame: frame.slice(0, 80), code: answer.error?.code }).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
      expectErrorBody(answer.error, 'INVALID_MESSAGE_FORMAT');
    }
    await socket.ack('update_status', { status: 'online' });
  });

  it('unknown commands are refused with 2000, whatever they are called', async () => {
    const socket = await (await Actor.register(node)).connect();
    for (const command of [
      'no_such_command',
      '__proto__',
      'constructor',
      'toString',
      'SEND_MESSAGE',
      'send_message ',
    ]) {
      await socket.refused(command, {}, 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('the frames of one socket are handled in their order, and every answer carries its id', async () => {
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    const socket = await alice.connect();
    const ids = Array.from({ length: 60 }, (_, i) => `o${i}`);
    for (const [i, id] of ids.entries()) {
      const frame = { id, command: 'send_message', data: alice.message(room) };
      socket.send(i % 10 === 9 ? { id, command: 'get_history', data: { channel: room.channel, limit: 1 } } : frame);
    }
    const answers = await Promise.all(ids.map((id) => socket.answer(id)));
    const heard = socket.heard.filter(({ event }) => event === 'ack').map(({ id }) => id);
    expect(heard).toEqual(ids);
    const seqs = answers.filter((_, i) => i % 10 !== 9).map(({ data }) => Number(data['seq']));
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    // Each page shows everything that was posted before it on the same socket.
    for (let i = 9; i < 60; i += 10) expect(answers[i]?.data['last_seq']).toBe(answers[i - 1]?.data['seq']);
  });

  it('frames that come right behind the upgrade are all answered, in order, when the login is done', async () => {
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    for (const early of ['not json', JSON.stringify({ command: 'get_history', data: { channel: room.channel } })]) {
      const socket = await openSocket(node, alice.url, { headers: { Authorization: `Bearer ${alice.token}` } });
      for (let i = 0; i < 300; i++) socket.send(early);
      for (let i = 0; i < 300; i++) await socket.next(({ event }) => event === 'ack' || event === 'error', 'answer');
      await socket.ack('send_message', alice.message(room));
    }
  });

  it('a socket without a login is closed after its time', async () => {
    const socket = await openSocket(node, node.url());
    const { code } = await socket.raw.closed;
    expect(code).toBe(1008);
  });
});
