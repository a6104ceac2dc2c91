import { expect } from '@jest/globals';
import { type ErrorBody, type ErrorCode, expectErrorBody } from './errors.js';
import type { Dict } from './json.js';
import type { RawSocket } from './raw-socket.js';

/** Anything that a node says: `{type}`, `{event,data}`, an ack or an error (profile §4). */
export interface Frame {
  type?: string;
  event?: string;
  id?: string;
  data: Dict;
  error?: ErrorBody;
  [member: string]: unknown;
}

interface Waiter {
  wanted: (frame: Frame) => boolean;
  take: (frame: Frame) => void;
}

const GUARD_MS = 10_000;

/** A client's end of a socket: what came is kept until a test asks for it, so that order and absence can be checked. */
export class ClientSocket {
  /** Everything that came, in order; a test may read it, waiting takes from `#inbox`. */
  readonly heard: Frame[] = [];
  #inbox: Frame[] = [];
  #waiters: Waiter[] = [];
  #nextId = 0;

  constructor(readonly raw: RawSocket) {
    raw.onText = (text) => this.#take(JSON.parse(text) as Frame);
  }

  #take(frame: Frame): void {
    this.heard.push(frame);
    const waiter = this.#waiters.find(({ wanted }) => wanted(frame));
    if (waiter === undefined) this.#inbox.push(frame);
    else waiter.take(frame);
  }

  send(frame: object | string): void {
    this.raw.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The first frame that fits, from now or from before; each is given out once. */
  next(wanted: (frame: Frame) => boolean, what = 'frame', guardMs = GUARD_MS): Promise<Frame> {
    const at = this.#inbox.findIndex(wanted);
    const found = this.#inbox[at];
    if (found !== undefined) {
      this.#inbox.splice(at, 1);
      return Promise.resolve(found);
    }
    return this.#wait(wanted, what, guardMs);
  }

  #wait(wanted: (frame: Frame) => boolean, what: string, guardMs: number): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiters = this.#waiters.filter((one) => one !== waiter);
      };
      const waiter: Waiter = { wanted, take: (frame) => (end(), resolve(frame)) };
      const fail = (why: string) => {
        end();
        reject(new Error(`no ${what}: ${why}; heard ${JSON.stringify(this.heard.slice(-5)).slice(0, 1_500)}`));
      };
      const timer = setTimeout(() => fail(`none in ${guardMs} ms`), guardMs);
      this.#waiters.push(waiter);
      void this.raw.closed.then(({ code, reason }) => fail(`closed with ${code} ${reason}`));
    });
  }

  /** The next event of a name whose `data` has these members. */
  async event(name: string, data: Dict = {}): Promise<Dict> {
    const fits = (frame: Frame) => frame.event === name && matches(frame.data, data);
    return (await this.next(fits, `event ${name} with ${JSON.stringify(data)}`)).data;
  }

  /** The message whose id or text is given, as a viewer gets it. */
  async message(wanted: string): Promise<Dict & { message: Dict }> {
    const fits = ({ event, data }: Frame) => event === 'message' && isMessage(data['message'] as Dict, wanted);
    return (await this.next(fits, `message ${wanted}`)).data as Dict & { message: Dict };
  }

  /** The answer to a command: an ack or an error, with the command's own id. */
  async ask(command: string, data?: unknown): Promise<Frame> {
    const id = `c${this.#nextId++}`;
    this.send({ command, id, ...(data === undefined ? {} : { data }) });
    return await this.answer(id);
  }

  answer(id: string): Promise<Frame> {
    const isAnswer = (frame: Frame) => frame.id === id && (frame.event === 'ack' || frame.event === 'error');
    return this.next(isAnswer, `answer to ${id}`);
  }

  /** The `data` of the ack. */
  async ack<T extends Dict = Dict>(command: string, data?: unknown): Promise<T> {
    const answer = await this.ask(command, data);
    expect(answer).toMatchObject({ event: 'ack' });
    return answer.data as T;
  }

  async refused(command: string, data: unknown, code: ErrorCode): Promise<ErrorBody> {
    const answer = await this.ask(command, data);
    expect(answer).toMatchObject({ event: 'error' });
    return expectErrorBody(answer.error, code);
  }

  /** For frames that break the rules of JSON: their id, if they have one, need not come back. */
  async refusedFrame(frame: object | string, code: ErrorCode): Promise<ErrorBody> {
    this.send(frame);
    const answer = await this.next(({ event }) => event === 'error' || event === 'ack', 'answer');
    return expectErrorBody(answer.error, code);
  }

  /** A frame of the handshake (§5.2) and its answer. */
  async auth(frame: object): Promise<Frame> {
    this.send(frame);
    const answers = (frame: Frame) => frame.type !== undefined || (frame.event === 'error' && frame.id === undefined);
    return await this.next(answers, 'answer to an auth frame');
  }
}

function matches(data: Dict, wanted: Dict): boolean {
  return Object.entries(wanted).every(([name, value]) => data[name] === value);
}

function isMessage(message: Dict, wanted: string): boolean {
  return message['id'] === wanted || (message['content'] as Dict)['text'] === wanted;
}
