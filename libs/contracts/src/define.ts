/** The services that exist; each has its own bus user. */
export const SERVICES = ['gateway', 'auth', 'keys', 'channel', 'federation', 'trust-chain'] as const;
export type Service = (typeof SERVICES)[number];

/** A request: `callers` may ask, `server` answers. `*` in a subject stands for one word that the caller fills in. */
export interface RpcContract<I, O> {
  readonly kind: 'rpc';
  readonly subject: string;
  readonly server: Service;
  readonly callers: readonly Service[];
  readonly _input?: (input: I) => void;
  readonly _output?: O;
}

/** An event: `by` publishes, `heardBy` subscribe. */
export interface TopicContract<T> {
  readonly kind: 'topic';
  readonly subject: string;
  readonly by: Service;
  readonly heardBy: readonly Service[];
  readonly _payload?: (payload: T) => T;
}

export function rpc<I, O>(subject: string, server: Service, ...callers: Service[]): RpcContract<I, O> {
  return { kind: 'rpc', subject, server, callers };
}

export function topic<T>(subject: string, by: Service, ...heardBy: Service[]): TopicContract<T> {
  return { kind: 'topic', subject, by, heardBy };
}

/** The contract with its `*` filled in, for one partition or one channel. */
export function at<C extends { readonly subject: string }>(contract: C, word: string | number): C {
  return { ...contract, subject: contract.subject.replace('*', String(word)) };
}
