import { describe, expect, it } from '@jest/globals';
import { PARTITIONS, partitionOf } from './channel.js';
import { at, SERVICES } from './define.js';
import { FEDERATION } from './federation.js';
import { PEER } from './peer.js';
import { busPermissions } from './permissions.js';
import { AUTH, CHANNEL, GATEWAY, KEYS } from './subjects.js';
import { TRUST } from './trust.js';

const all = [AUTH, CHANNEL, GATEWAY, KEYS, FEDERATION, PEER, TRUST].flatMap((group): { subject: string }[] =>
  Object.values(group),
);
const of = (service: string) => busPermissions().find((one) => one.service === service);

describe('bus permissions', () => {
  it('are made for every service, from the table of subjects alone', () => {
    expect(busPermissions().map(({ service }) => service)).toEqual([...SERVICES]);
    const named = new Set(busPermissions().flatMap(({ publish, subscribe }) => [...publish, ...subscribe]));
    expect(named).toEqual(new Set(all.map(({ subject }) => subject)));
  });

  it('let only the channel service speak for the log, and only auth for sessions', () => {
    expect(of('gateway')?.publish).not.toContain(CHANNEL.entries.subject);
    expect(of('auth')?.publish).not.toContain(CHANNEL.entries.subject);
    expect(of('channel')?.publish).toEqual(
      [
        CHANNEL.entries.subject,
        CHANNEL.membershipChanged.subject,
        CHANNEL.invitationChanged.subject,
        CHANNEL.postRefused.subject,
        CHANNEL.homeMoved.subject,
        CHANNEL.devicesChanged.subject,
        AUTH.deviceLogs.subject,
        AUTH.settings.subject,
        FEDERATION.ask.subject,
        FEDERATION.key.subject,
        TRUST.standings.subject,
      ].sort(),
    );
    expect(of('channel')?.subscribe).not.toContain(AUTH.proof.subject);
    expect(of('auth')?.publish).toContain(CHANNEL.forgetUser.subject);
    expect(of('gateway')?.publish).not.toContain(CHANNEL.forgetUser.subject);
  });

  it('no two contracts share a subject', () => {
    expect(new Set(all.map(({ subject }) => subject)).size).toBe(all.length);
  });

  it('a wildcard is filled in for one partition or channel', () => {
    expect(at(CHANNEL.post, 7).subject).toBe('channel.post.7');
  });
});

describe('partitionOf', () => {
  it('is the same everywhere and uses all partitions', () => {
    expect(partitionOf('ch_efjlbwb42ddxybczjeikqq2kfuwp4doaxa3alzgdk7j2dicbhrwq')).toBe(
      partitionOf('ch_efjlbwb42ddxybczjeikqq2kfuwp4doaxa3alzgdk7j2dicbhrwq'),
    );
    const hit = new Set(Array.from({ length: 5_000 }, (_, i) => partitionOf(`ch_${i}`)));
    expect(hit.size).toBe(PARTITIONS);
  });
});
