import { describe, expect, it } from '@jest/globals';
import { toUtf8 } from './encodings.js';
import { passphraseBytes } from './passphrase.js';

describe('passphraseBytes (RFC 8265 OpaqueString)', () => {
  it.each([
    ['ASCII is unchanged', '  Correct Horse! ', '  Correct Horse! '],
    ['composed and decomposed are one', 'Zu\u0308rich', 'Z\u00fcrich'],
    ['an ideographic space is a space', 'a\u3000b\u00a0c', 'a b c'],
    ['compatibility characters stay themselves', '\ufb01\u2075', '\ufb01\u2075'],
  ])('%s', (_, given, expected) => {
    expect(passphraseBytes(given)).toEqual(toUtf8(expected));
  });

  it.each(['', '\ud800'])('refuses %j', (given) => {
    expect(() => passphraseBytes(given)).toThrow(expect.objectContaining({ code: 'invalid_passphrase' }));
  });
});
