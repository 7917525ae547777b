import assert from 'node:assert/strict';
import { test } from 'node:test';

import { declare } from '../tools/messages.js';

/** @param {() => unknown} run */
function refusal(run) {
  try {
    run();
    return 'none';
  } catch (error) {
    return String(error);
  }
}

test('a message is declared with what the schema says about it, and what is required comes first', () => {
  const [, ...lines] = declare([{
    title: 'Ring', description: 'Somebody pressed.', type: 'object', required: ['type', 'call'], additionalProperties: false,
    properties: {
      call: { $ref: '#/$defs/CallId', description: 'See [`MAX`](crate::MAX).' },
      doors: { type: 'array', items: { $ref: '#/$defs/CallId' } },
      offer: { type: ['string', 'null'], description: 'One line,\nand another one.' },
      type: { type: 'string', const: 'ring' },
    },
    $defs: { CallId: { type: 'string' } },
  }]).split('\n');
  assert.equal(lines.join('\n'), `
/** Somebody pressed. */
export interface Ring {
  type: 'ring';
  /** See \`MAX\`. */
  call: CallId;
  doors?: CallId[];
  /**
   * One line,
   * and another one.
   */
  offer?: string | null;
}

export type CallId = string;
`);
});

test('each choice is declared with what the schema says about it', () => {
  const said = declare([{
    title: 'Answer', oneOf: [
      { type: 'object', description: 'Taken.', properties: { type: { const: 'yes' } }, required: ['type'] },
      { type: 'string', const: 'no' },
    ],
  }]);
  assert.ok(said.endsWith(`
export type Answer =
  /** Taken. */
  | { type: 'yes' }
  | 'no';
`), said);
});

test('a list of what is one or the other is a list of both', () => {
  const said = declare([{ title: 'Ids', type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } }]);
  assert.ok(said.endsWith('export type Ids = (string | null)[];\n'), said);
});

test('what two schemas say differently of one name is refused', () => {
  const naming = (/** @type {string} */ type) => ({ title: 'Id', type });
  assert.equal(refusal(() => declare([naming('string'), naming('string')])), 'none');
  assert.match(refusal(() => declare([naming('string'), naming('integer')])), /different things of Id/);
});

test('a schema that says more than the generator understands is refused', () => {
  const more = /** @type {any} */ ({ title: 'Id', type: 'string', minLength: 1 });
  assert.match(refusal(() => declare([more])), /does not know 'minLength'/);
  assert.match(refusal(() => declare([{ title: 'Id', type: 'elephant' }])), /does not know the type elephant/);
  assert.match(refusal(() => declare([{ title: 'Id', properties: {}, oneOf: [{ properties: {} }, { properties: {} }] }])), /one of 'oneOf', 'properties'/);
});
