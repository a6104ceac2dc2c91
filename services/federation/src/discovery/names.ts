import { lookup as systemLookup, Resolver as PlainResolver, type SrvRecord } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { untrue } from '../peers/document-checks.js';
import { isPrivateAddress } from './address-guard.js';
import { inSrvOrder } from './srv-order.js';

const DNS_TIMEOUT_MS = 2_000;
/** More targets than this are not tried. */
const MAX_TARGETS = 8;

interface Address {
  address: string;
  family: number;
}

/** Names into addresses, by the machine's resolver or the given servers; addresses that a hint may not lead to are left out. */
export class Names {
  readonly #resolver: PlainResolver | undefined;

  constructor(
    servers: readonly string[],
    private readonly allowPrivate: boolean,
    private readonly random: () => number = Math.random,
  ) {
    if (servers.length === 0) return;
    this.#resolver = new PlainResolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
    this.#resolver.setServers(servers);
  }

  /** Targets of `_dcp._tcp.<domain>` in the order in which to try them (§10.1); none when there is no such record. */
  async targets(domain: string): Promise<SrvRecord[]> {
    const resolver = this.#resolver ?? new PlainResolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
    const records = await new Promise<SrvRecord[]>((resolve) => {
      resolver.resolveSrv(`_dcp._tcp.${domain}`, (error, found) => resolve(error === null ? found : []));
    });
    return inSrvOrder(records, this.random).slice(0, MAX_TARGETS);
  }

  /** Throws 3001 `private_address` when the URL's host is written as an address that may not be used: sockets look up names only. */
  checkLiteral(host: string): void {
    const bare = host.replace(/^\[|\]$/g, '');
    if (isIP(bare) !== 0 && !this.#allowed(bare)) throw untrue('private_address');
  }

  /** For `http.request` and `ws`: every connection asks here, so a name cannot change its address after it was checked. */
  readonly lookup: LookupFunction = (host, { all }, callback) => void this.#lookUp(host, all === true, callback);

  async #lookUp(host: string, all: boolean, tell: Parameters<LookupFunction>[2]): Promise<void> {
    let found: Address[];
    try {
      found = await this.#resolve(host);
    } catch (error) {
      return tell(error as NodeJS.ErrnoException, '', 0);
    }
    const usable = found.filter(({ address }) => this.#allowed(address));
    const [first] = usable;
    if (first === undefined) tell(notUsable(host, found.length > 0), '', 0);
    else if (all) tell(null, usable);
    else tell(null, first.address, first.family);
  }

  #allowed(address: string): boolean {
    return this.allowPrivate || !isPrivateAddress(address);
  }

  async #resolve(host: string): Promise<Address[]> {
    const resolver = this.#resolver;
    if (resolver === undefined)
      return await new Promise((resolve, reject) => {
        systemLookup(host, { all: true }, (error, found) => (error === null ? resolve(found) : reject(error)));
      });
    const of = (type: 'A' | 'AAAA', family: number) =>
      new Promise<Address[]>((resolve) => {
        resolver.resolve(host, type, (error, found) =>
          resolve(error === null ? (found as string[]).map((address) => ({ address, family })) : []),
        );
      });
    return [...(await of('A', 4)), ...(await of('AAAA', 6))];
  }
}

function notUsable(host: string, refused: boolean): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(refused ? 'private_address' : `no address of ${host}`);
  error.code = refused ? 'EACCES' : 'ENOTFOUND';
  return error;
}
