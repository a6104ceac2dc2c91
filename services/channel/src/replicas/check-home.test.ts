import { generateEd25519KeyPair, formatKey, ready, signDigest, toBase32, randomBytes } from '@dcp/crypto';
import type { HomedChannel } from '@dcp/contracts';
import { DcpError, dmName, type Genesis, type Handover, signingInput } from '@dcp/protocol';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { channelIdOf } from '../channels/genesis.js';
import { checkHome, dmHome, dmIdOf, dmMembers, nameHere } from './check-home.js';

const HOME = 'a7f3k9m2';
const OTHER = 'b8x1n5p4';

describe('what a node says of a channel of its own', () => {
  let honest: HomedChannel;
  let sign: (genesis: Genesis) => string;

  beforeAll(async () => {
    await ready();
    const { publicKey, seed } = generateEd25519KeyPair();
    sign = (genesis) => signDigest(seed, signingInput('GENESIS', genesis));
    honest = offer({
      version: '1.0',
      name: '#far',
      home_node: HOME,
      encryption: 'e2ee',
      visibility: 'private',
      creator: `${HOME}.alice`,
      creator_key: formatKey('ed25519', publicKey),
      created: '2026-01-01T00:00:00.000Z',
      random: toBase32(randomBytes(20)),
    });
  });

  const offer = (genesis: Genesis): HomedChannel => ({
    channel_id: channelIdOf(genesis),
    name: genesis.name,
    title: '',
    description: '',
    encryption: genesis.encryption,
    visibility: genesis.visibility,
    member_count: 1,
    last_activity: genesis.created,
    last_seq: 1,
    home_node: genesis.home_node,
    home_epoch: 1,
    genesis,
    genesis_signature: sign(genesis),
    state_head: null,
    epoch: 0,
    standing: 'invited',
  });
  const reasonOf = (info: HomedChannel, node = HOME): unknown => {
    try {
      checkHome(info, node);
    } catch (error) {
      return error instanceof DcpError ? error.details['reason'] : error;
    }
    return 'believed';
  };
  const genesis = () => honest.genesis as Genesis;

  it('is believed where the id is the hash of a signed genesis that names it', () => {
    expect(reasonOf(honest)).toBe('believed');
  });

  it('is not believed about channels of another node, nor about less closed ones than they are', () => {
    expect(reasonOf(honest, OTHER)).toBe('home_node');
    expect(reasonOf({ ...honest, home_node: OTHER }, OTHER)).toBe('genesis');
    expect(reasonOf({ ...honest, genesis: { ...genesis(), home_node: OTHER }, home_node: OTHER }, OTHER)).toBe(
      'genesis_hash',
    );
    expect(reasonOf({ ...honest, visibility: 'public' })).toBe('genesis');
    expect(reasonOf({ ...honest, encryption: 'node' })).toBe('genesis');
    expect(reasonOf({ ...honest, name: '#other' })).toBe('genesis');
    expect(reasonOf({ ...honest, genesis: null })).toBe('no_genesis');
    expect(reasonOf({ ...honest, genesis_signature: null })).toBe('no_genesis');
    expect(reasonOf({ ...honest, genesis_signature: sign({ ...genesis(), random: 'x'.repeat(22) }) })).toBe(
      'genesis_signature',
    );
    expect(reasonOf({ ...honest, genesis_signature: 'ed25519:AAAA' })).toBe('genesis_signature');
  });

  it('is believed where hand-overs of the creator lead from the home of the genesis to it, and about that epoch only', () => {
    const handover: Handover = {
      channel_id: honest.channel_id,
      epoch: 2,
      from_node: HOME,
      to_node: OTHER,
      kind: 'given',
      prev: null,
      issued: '2026-01-02T00:00:00.000Z',
      author: genesis().creator,
      signature: 'ed25519:AAAA',
    };
    const told = (changes: Partial<Handover> = {}, epoch = 2): HomedChannel => {
      const closing = { channel_id: honest.channel_id, epoch: 1, last_seq: 3, to_node: OTHER, signature: 'x' };
      const handovers = [{ handover: { ...handover, ...changes }, closing }];
      return { ...honest, home_node: OTHER, home_epoch: epoch, handovers };
    };
    expect(reasonOf(told(), OTHER)).toBe('believed');
    expect(reasonOf({ ...told(), home_node: HOME })).toBe('genesis');
    expect(reasonOf(told({}, 3), OTHER)).toBe('genesis');
    expect(reasonOf(told({ to_node: 'c9c9c9c9' }), OTHER)).toBe('genesis');
    expect(reasonOf(told({ author: `${HOME}.mallory` }), OTHER)).toBe('handover_author');
    expect(reasonOf(told({ from_node: 'c9c9c9c9' }), OTHER)).toBe('handover_chain');
    expect(reasonOf({ ...told(), name: '#other' }, OTHER)).toBe('genesis');
  });

  it('is believed about a DM where its name makes its id and its place', () => {
    const [alice, bob] = [`${HOME}.alice`, `${OTHER}.bob`];
    const dm: HomedChannel = {
      ...honest,
      channel_id: dmIdOf(bob, alice),
      name: dmName(alice, bob),
      visibility: 'dm',
      genesis: null,
      genesis_signature: null,
    };
    expect(reasonOf(dm)).toBe('believed');
    expect(reasonOf({ ...dm, home_node: OTHER }, OTHER)).toBe('dm');
    expect(reasonOf({ ...dm, name: dmName(alice, `${OTHER}.ben`) })).toBe('dm');
    expect(reasonOf({ ...dm, encryption: 'node' })).toBe('dm');
    expect([dmHome(alice, bob), dmHome(bob, alice)]).toEqual([HOME, HOME]);
  });

  it('names carry the node, those of DMs do not', () => {
    expect(nameHere('#far', HOME)).toBe(`#far@${HOME}`);
    const name = dmName(`${HOME}.alice`, `${OTHER}.bob`);
    expect(nameHere(name, HOME)).toBe(name);
    expect(dmMembers(name)).toEqual([`${HOME}.alice`, `${OTHER}.bob`]);
    for (const wrong of ['#far', '@a,b', `@${OTHER}.bob,${HOME}.alice`, `${name},x`])
      expect(dmMembers(wrong)).toBeUndefined();
  });
});
