import { afterAll, beforeAll, describe } from '@jest/globals';
import type { Bus } from '@dcp/node-kit';
import { closingCompliance } from './bus-compliance-closing.js';
import { publishCompliance } from './bus-compliance-publish.js';
import { requestCompliance } from './bus-compliance-request.js';

/** One broker: everybody who connects hears everybody else. */
export interface BusHouse {
  connect(): Promise<Bus>;
  stop(): Promise<void>;
}

export type BusFactory = () => Promise<BusHouse>;

/** Gives the house of the running suite. */
export type House = () => BusHouse;

/** What every implementation of the bus must do; run it for each one. */
export function busCompliance(name: string, factory: BusFactory): void {
  describe(`bus compliance: ${name}`, () => {
    let house: BusHouse | undefined;
    const current: House = () => {
      if (house === undefined) throw new Error('the house did not start');
      return house;
    };
    beforeAll(async () => {
      house = await factory();
    });
    afterAll(() => house?.stop());
    publishCompliance(current);
    requestCompliance(current);
    closingCompliance(current);
  });
}
