import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  authFrame,
  authSuccess,
  canonicalJson,
  challengeFrame,
  channelNameFault,
  channelSummary,
  commandFrame,
  CONTENT_BY_TYPE,
  isErrorCode,
  joinChannel,
  messageHistory,
  messageSchema,
  parseIdentityFile,
  parseJson,
  parseWith,
  plainMessageSchema,
  updateStatus,
  userProfile,
} from '../src/index.js';

interface Example {
  section: string;
  title: string;
  line: number;
  value: Record<string, unknown>;
}

const file = join(import.meta.dirname, '../../../conformance/fixtures/examples.json');
const { examples, channel_names } = JSON.parse(readFileSync(file, 'utf8')) as {
  examples: Example[];
  channel_names: string[];
};

const example = (section: string, title: string): Example['value'] => {
  const found = examples.find((one) => one.section === section && one.title === title);
  if (found === undefined) throw new Error(`no example ${section} ${title}`);
  return found.value;
};
const content = (title: string) => example('6.2', title)['content'];

/** How each example of the specification is read; every one must come out as it went in. */
const READERS: [string, string, (value: Record<string, unknown>) => unknown][] = [
  ['4.1', 'identity file format', parseIdentityFile],
  ['5.2', 'step 1: challenge request', (value) => parseWith(authFrame, value)],
  ['5.2', 'step 2: challenge response', (value) => parseWith(challengeFrame, value)],
  ['5.2', 'step 3: proof of identity', (value) => parseWith(authFrame, value)],
  ['5.2', 'step 4: session token', (value) => parseWith(authSuccess, value)],
  ['6.1', 'base message structure', (value) => parseWith(messageSchema, value)],
  ['7.3', 'send message', (value) => parseWith(commandFrame, value)],
  ['7.3', 'join channel', (value) => parseWith(commandFrame, value)],
  ['7.3', 'update status', (value) => parseWith(commandFrame, value)],
  ['8.3', 'get user info response', (value) => parseWith(userProfile, value)],
  ['B', 'complete text message', (value) => parseWith(messageSchema, value)],
];

describe('the specification’s own examples', () => {
  it.each(READERS)('[DCP-4.1-01] [DCP-6.1-01] §%s %s is read and kept whole', (section, title, read) => {
    const value = example(section, title);
    expect(read(structuredClone(value))).toEqual(value);
  });

  it('[DCP-6.2-01] [DCP-6.2-02] a text message’s content', () => {
    expect(parseWith(CONTENT_BY_TYPE.text, content('text message'))).toEqual(content('text message'));
  });

  it('[DCP-6.2-03] a media message’s content', () => {
    expect(parseWith(CONTENT_BY_TYPE.media, content('media message'))).toEqual(content('media message'));
  });

  it('[DCP-6.2-05] a system message’s content', () => {
    expect(parseWith(CONTENT_BY_TYPE.system, content('system message'))).toEqual(content('system message'));
  });

  it('[DCP-6.2-06] a voice message’s content', () => {
    expect(parseWith(CONTENT_BY_TYPE.voice, content('voice message'))).toEqual(content('voice message'));
  });

  it('[DCP-7.3-01] [DCP-7.3-02] [DCP-7.3-03] the data of the commands', () => {
    const data = (title: string) => example('7.3', title)['data'] as Record<string, unknown>;
    expect(parseWith(plainMessageSchema, data('send message'))).toEqual(data('send message'));
    expect(parseWith(joinChannel, data('join channel'))).toEqual(data('join channel'));
    expect(parseWith(updateStatus, data('update status'))).toEqual(data('update status'));
  });

  it('[DCP-8.3-02] [DCP-8.3-04] [DCP-8.3-05] the REST bodies', () => {
    const [channel] = example('8.3', 'get channel list response')['channels'] as [Record<string, unknown>];
    const more = { channel_id: 'ch_', encryption: 'node' };
    expect(parseWith(channelSummary, { ...channel, ...more })).toEqual({ ...channel, ...more });
    const history = example('8.3', 'get message history response');
    expect(
      parseWith(messageHistory, { ...history, messages: [example('6.1', 'base message structure')] }),
    ).toBeDefined();
    expect(parseWith(plainMessageSchema, example('8.3', 'send message body'))).toEqual(
      example('8.3', 'send message body'),
    );
  });

  it('[DCP-9.1-06] the channel names', () => {
    for (const name of channel_names) expect(channelNameFault(name)).toBeUndefined();
  });

  it('[DCP-14.1-01] the error body', () => {
    const { error } = example('14.1', 'error response format') as { error: { code: string } };
    expect(isErrorCode(error.code)).toBe(true);
  });

  it('every example survives the strict parser and RFC 8785', () => {
    for (const { value } of examples)
      expect(JSON.parse(canonicalJson(parseJson(JSON.stringify(value))))).toEqual(value);
  });
});
