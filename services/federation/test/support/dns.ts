import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

export interface Srv {
  priority: number;
  weight: number;
  port: number;
  target: string;
}

const TYPE = { A: 1, SRV: 33 };

/** A DNS server of one zone (RFC 1035, RFC 2782) on loopback: real packets, real resolver. */
export class TestDns {
  readonly srv = new Map<string, Srv[]>();
  readonly a = new Map<string, string>();
  /** Names that were asked for. */
  readonly asked: string[] = [];

  private constructor(private readonly socket: Socket) {
    socket.on('message', (query, from) => socket.send(this.#answer(query), from.port, from.address));
  }

  static async open(): Promise<TestDns> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new TestDns(socket);
  }

  get address(): string {
    return `127.0.0.1:${(this.socket.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }

  #answer(query: Buffer): Buffer {
    const end = query.indexOf(0, 12) + 5;
    const question = query.subarray(12, end);
    const name = readName(question);
    this.asked.push(name);
    const records = this.#records(name, question.readUInt16BE(question.length - 4));
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(records.length === 0 ? 0x8583 : 0x8580, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, question, ...records]);
  }

  #records(name: string, type: number): Buffer[] {
    if (type === TYPE.SRV) return (this.srv.get(name) ?? []).map((one) => record(TYPE.SRV, srvData(one)));
    const address = type === TYPE.A ? this.a.get(name) : undefined;
    return address === undefined ? [] : [record(TYPE.A, Buffer.from(address.split('.').map(Number)))];
  }
}

function readName(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 0; (question[at] ?? 0) !== 0; at += (question[at] ?? 0) + 1)
    labels.push(question.toString('ascii', at + 1, at + 1 + (question[at] ?? 0)));
  return labels.join('.').toLowerCase();
}

function writeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** The name is a pointer to the question's. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function srvData({ priority, weight, port, target }: Srv): Buffer {
  const numbers = Buffer.alloc(6);
  for (const [at, value] of [priority, weight, port].entries()) numbers.writeUInt16BE(value, at * 2);
  return Buffer.concat([numbers, writeName(target)]);
}
