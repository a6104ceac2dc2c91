import { ed25519PublicKey, randomBytes, ready, sign, verify } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConfigError } from '../../config/config-error.js';
import { HsmError } from './hsm-error.js';
import { HsmSigner } from './hsm-signer.js';
import type { HsmToken } from './hsm-token.js';

beforeAll(() => ready());

const message = new Uint8Array(32).fill(1);

/** A device of a stranger, whose failures are chosen; SoftHSM is in the component tests. */
class Device {
  seed = randomBytes(32);
  /** The public key beside it: another one is a mistake of whoever filled the device. */
  shown: Uint8Array | undefined;
  fault: Error | undefined;
  openFault: Error | undefined;
  opened = 0;

  open(): void {
    this.opened++;
    if (this.openFault !== undefined) throw this.openFault;
    this.fault = undefined;
  }

  findKey() {
    return { handle: Buffer.alloc(8), publicKey: this.shown ?? ed25519PublicKey(this.seed) };
  }

  sign(_: unknown, text: Uint8Array): Uint8Array {
    if (this.fault !== undefined) throw this.fault;
    return sign(this.seed, text);
  }

  close(): void {}
}

describe('a signer whose key is in an HSM', () => {
  let device: Device;
  let signer: HsmSigner;
  let now: number;
  const events: string[] = [];

  beforeEach(() => {
    device = new Device();
    signer = HsmSigner.of(device as unknown as HsmToken, 'node');
    events.length = 0;
    signer.events = {
      signed: () => events.push('signed'),
      failed: () => events.push('failed'),
      lost: (reason) => events.push(`lost: ${reason}`),
      reopened: () => events.push('reopened'),
    };
    now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });

  it('opens a lost session again and signs as if nothing had been', () => {
    device.fault = new HsmError('the HSM answered CKR_SESSION_HANDLE_INVALID to C_Sign');
    expect(verify(signer.publicKey, message, signer.sign(message))).toBe(true);
    expect(events).toEqual([expect.stringMatching(/^lost: .*SESSION_HANDLE/), 'reopened', 'signed']);
  });

  it('says 9001 while the device is away, asks it once a second at most, and finds it again', () => {
    device.fault = new HsmError('CKR_DEVICE_ERROR');
    device.openFault = new HsmError('CKR_DEVICE_REMOVED');
    for (let i = 0; i < 5; i++) expect(() => signer.sign(message)).toThrow(DcpError);
    expect(() => signer.check()).toThrow('CKR_DEVICE_REMOVED');
    expect(device.opened).toBe(1);
    now += 1_001;
    expect(() => signer.check()).toThrow('CKR_DEVICE_REMOVED');
    expect(device.opened).toBe(2);
    device.openFault = undefined;
    now += 1_001;
    signer.check();
    expect(verify(signer.publicKey, message, signer.sign(message))).toBe(true);
    expect(events).toEqual(['lost: CKR_DEVICE_ERROR', ...Array(5).fill('failed'), 'reopened', 'signed']);
  });

  it('tries a PIN that was refused no second time: that would lock the token', () => {
    device.fault = new HsmError('CKR_DEVICE_ERROR');
    device.openFault = new ConfigError([{ variable: 'DCP_NODE_HSM_PIN', problem: 'refused' }]);
    for (let i = 0; i < 3; i++) {
      expect(() => signer.sign(message)).toThrow('unavailable');
      now += 60_000;
    }
    expect(() => signer.check()).toThrow('refused');
    expect(device.opened).toBe(1);
  });

  it('signs with no other key than the one that it began with', () => {
    device.fault = new HsmError('CKR_DEVICE_ERROR');
    device.seed = randomBytes(32);
    expect(() => signer.sign(message)).toThrow(DcpError);
    expect(() => signer.check()).toThrow('does not belong to the public key');
    device.shown = signer.publicKey;
    now += 1_001;
    expect(() => signer.check()).toThrow('does not belong to the public key');
    expect(() => HsmSigner.of(device as unknown as HsmToken, 'node')).toThrow('does not belong to the public key');
  });

  it('notices a loss by itself when nobody signs', () => {
    signer.check();
    device.fault = new HsmError('CKR_DEVICE_ERROR');
    device.openFault = device.fault;
    now += 1_001;
    expect(() => signer.check()).toThrow('CKR_DEVICE_ERROR');
  });
});
