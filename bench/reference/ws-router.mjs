// The bare reference: `ws`, every message framed once, what one loop turn collected for a room in one write for each socket.
// It checks nothing, keeps nothing and knows nobody: what a chat server adds to this is what the benches show.
import { createServer } from 'node:http';
import { Sender, WebSocketServer } from 'ws';

const LISTEN_BACKLOG = 16_384;

const rooms = new Map();
const users = new Map();

const server = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });

server.on('upgrade', (request, socket, head) => {
  socket.setNoDelay(true);
  sockets.handleUpgrade(request, socket, head, (ws) => {
    ws.raw = socket;
    ws.on('message', onMessage);
    ws.on('close', onClose);
  });
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', LISTEN_BACKLOG, () => {
  console.log(`reference is up on port ${server.address().port}`);
});

/** One function for all sockets. */
function onMessage(data) {
  const { op, room, id, body } = JSON.parse(data);
  if (op === 'join') join(this, room);
  else if (op === 'id') users.set(id, this);
  else if (op === 'post') post(rooms.get(room), JSON.stringify({ op: 'msg', room, body }));
  else if (op === 'to') users.get(id)?.send(JSON.stringify({ op: 'msg', id, body }));
  if (op === 'join' || op === 'id') this.send('{"op":"ok"}');
}

function onClose() {
  this.room?.members.delete(this);
}

function join(ws, name) {
  let room = rooms.get(name);
  if (room === undefined) rooms.set(name, (room = { members: new Set(), pending: null }));
  room.members.add(ws);
  ws.room = room;
}

function post(room, text) {
  const frame = Buffer.concat(
    Sender.frame(Buffer.from(text), { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true }),
  );
  if (room.pending === null) {
    room.pending = [];
    setImmediate(flush, room);
  }
  room.pending.push(frame);
}

function flush(room) {
  const { pending } = room;
  room.pending = null;
  const chunk = pending.length === 1 ? pending[0] : Buffer.concat(pending);
  for (const ws of room.members) ws.raw.write(chunk);
}
