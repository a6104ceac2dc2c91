import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.js';
import { DcpError } from './errors.js';
import { MAX_JSON_DEPTH, parseJson } from './json.js';

const reasonOf = (text: string): unknown => {
  try {
    parseJson(text);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof DcpError) || error.code !== 'INVALID_MESSAGE_FORMAT') throw error;
    return error.details['reason'];
  }
};

describe('parseJson', () => {
  it.each([
    ['{"a":1,"a":2}', 'duplicate_member'],
    ['{"a":1,"\\u0061":2}', 'duplicate_member'],
    ['[{"b":{"a":1,  "a" : 2}}]', 'duplicate_member'],
    ['{"a":"\\u0000"}', 'nul_character'],
    ['{"\\u0000":1}', 'nul_character'],
    ['{"a":"\\ud800"}', 'lone_surrogate'],
    ['{"a":"\\uDC00x"}', 'lone_surrogate'],
    ['{"\\ud83d":1}', 'lone_surrogate'],
    ['{"a":1e999}', 'number_out_of_range'],
    ['[-1e999]', 'number_out_of_range'],
    ['{"a":', 'not_json'],
    ['', 'not_json'],
    ['\ufeff{}', 'not_json'],
    ['{"a":NaN}', 'not_json'],
    ["{'a':1}", 'not_json'],
    ['{"a":1}x', 'not_json'],
  ])('[DCP-6.4-03] refuses %s as %s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  it('[DCP-6.4-03] refuses a lone surrogate that is not escaped', () => {
    expect(reasonOf('{"a":"\ud800"}')).toBe('lone_surrogate');
  });

  it('[DCP-6.4-03] bounds nesting, also where the stack would not hold', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(reasonOf(nested(MAX_JSON_DEPTH))).toBe('accepted');
    expect(reasonOf(nested(MAX_JSON_DEPTH + 1))).toBe('nested_too_deep');
    expect(reasonOf(nested(100_000))).toBe('nested_too_deep');
    expect(reasonOf(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`)).toBe('nested_too_deep');
  });

  it('accepts what only looks like a fault', () => {
    expect(parseJson('{"a":"\\"a\\":1,\\"a\\":2"}')).toEqual({ a: '"a":1,"a":2' });
    expect(parseJson('{"a":{"x":1},"b":{"x":2}}')).toEqual({ a: { x: 1 }, b: { x: 2 } });
    expect(parseJson('{"a":"\\ud83d\\udc4b"}')).toEqual({ a: '👋' });
    expect(parseJson('{"1":1,"0":2}')).toEqual({ 0: 2, 1: 1 });
  });

  it('keeps __proto__ as a member like any other', () => {
    const value = parseJson('{"__proto__":{"admin":true}}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it('reads every text that JSON.stringify writes, indented or not', () => {
    const wellFormed = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        wellFormed,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('node'), { maxLength: 4 }),
      object: fc.dictionary(wellFormed, tie('node'), { maxKeys: 4 }),
    })).node;
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 2 }), (wanted, indent) => {
        const text = JSON.stringify(wanted, null, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses every duplicate, wherever it stands', () => {
    const name = fc.stringMatching(/^[a-z"\\{}:,[\] ]{0,6}$/);
    fc.assert(
      fc.property(name, fc.array(name, { maxLength: 4 }), fc.nat(), (twice, others, at) => {
        const members = [...new Set(others.filter((other) => other !== twice)), twice].map(
          (one) => `${JSON.stringify(one)}:{"x":1}`,
        );
        members.splice(at % (members.length + 1), 0, `${JSON.stringify(twice)} : []`);
        expect(reasonOf(`{${members.join(',')}}`)).toBe('duplicate_member');
      }),
    );
  });
});

describe('canonicalJson (RFC 8785)', () => {
  it('§3.2.2 and §3.2.3: numbers, strings and the order of members', () => {
    const value = {
      numbers: JSON.parse('[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]'),
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\u002f',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const names = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.values(JSON.parse(canonicalJson(names)) as object)).toHaveLength(7);
    expect(canonicalJson(names)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
  });

  it('writes -0 as 0 and refuses what JSON cannot hold', () => {
    expect(canonicalJson([-0])).toBe('[0]');
    for (const bad of [Number.NaN, Infinity, () => 1, Symbol('x'), 1n, 'a\ud800'])
      expect(() => canonicalJson(bad)).toThrow(DcpError);
  });

  it('[DCP-A-05] does not depend on the order in which members were written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).toReversed());
        expect(canonicalJson(reversed)).toBe(canonicalJson(object));
      }),
    );
  });
});
