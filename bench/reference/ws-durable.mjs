// The durable reference: `ws`, then one bus hop (what one loop turn collected is one NATS message), then PostgreSQL (what queued while
// the last commit ran is one insert), then delivery. No identity, no rights, no order, no answer to the sender.
import { connect } from '@nats-io/transport-node';
import { createServer } from 'node:http';
import pg from 'pg';
import { WebSocketServer } from 'ws';

const MAX_ROWS = 1_000;
const CONNECTIONS = 2;
const INSERT = `insert into reference_messages (recipient, body, at)
  select recipient, body, now() from unnest($1::text[], $2::text[]) as message (recipient, body)`;

const users = new Map();
const nats = await connect({ servers: process.env.NATS_URL });
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: CONNECTIONS });
await pool.query(`create table if not exists reference_messages
  (id bigserial primary key, recipient text not null, body text not null, at timestamptz not null)`);

/** The hop: what goes to `reference.hop` comes back on it, through the server, as to another process. */
nats.subscribe('reference.hop', { callback: (_error, message) => message.json().forEach(store) });

let turn = null;
function hop(message) {
  if (turn === null) {
    turn = [];
    setImmediate(() => {
      nats.publish('reference.hop', JSON.stringify(turn));
      turn = null;
    });
  }
  turn.push(message);
}

const queue = [];
let commits = 0;
function store(message) {
  queue.push(message);
  if (queue.length === 1) setImmediate(commit);
}

async function commit() {
  if (commits === CONNECTIONS || queue.length === 0) return;
  const rows = queue.splice(0, MAX_ROWS);
  commits++;
  await pool.query({ name: 'insert', text: INSERT, values: [rows.map(({ id }) => id), rows.map(({ body }) => body)] });
  commits--;
  for (const { id, body } of rows) users.get(id)?.send(JSON.stringify({ op: 'msg', id, body }));
  if (queue.length > 0) setImmediate(commit);
}

function onMessage(data) {
  const { op, id, body } = JSON.parse(data);
  if (op === 'to') return hop({ id, body });
  users.set(id, this);
  this.send('{"op":"ok"}');
}

const server = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
server.on('upgrade', (request, socket, head) => {
  socket.setNoDelay(true);
  sockets.handleUpgrade(request, socket, head, (ws) => ws.on('message', onMessage));
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`reference is up on port ${server.address().port}`);
});
