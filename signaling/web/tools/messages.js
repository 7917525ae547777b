// Writes types/messages.d.ts from the JSON Schemas of `signaling/proto`, which are those of the Rust types. With `--check`
// it writes nothing, and fails if the file is another one. The generators on npm write out each type wherever it is named
// and drop what the schemas say about single values.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { argv, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * What of JSON Schema the messages are made of.
 *
 * @typedef {object} Schema
 * @property {string} [$schema]
 * @property {string} [title]
 * @property {string} [description]
 * @property {string} [$ref]
 * @property {Record<string, Schema>} [$defs]
 * @property {Schema[]} [oneOf]
 * @property {Schema[]} [anyOf]
 * @property {string|string[]} [type]
 * @property {string} [const]
 * @property {Schema} [items]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required]
 * @property {boolean} [additionalProperties]
 */

const SCHEMAS = new URL('../../proto/schema/', import.meta.url);
const WRITTEN = new URL('../types/messages.d.ts', import.meta.url);
const HEAD = `// Generated from signaling/proto/schema by \`npm run types\`: change the Rust types, and not this file.
`;
/** Only what is narrower than TypeScript can say may be passed over. */
const KNOWN = new Set([
  '$schema', 'title', 'description', '$ref', '$defs', 'oneOf', 'anyOf', 'type', 'const', 'items', 'properties', 'required',
  'additionalProperties', 'pattern', 'format', 'minimum',
]);
/** Of these a type is said by one only. */
const SHAPES = /** @type {const} */ (['$ref', 'oneOf', 'anyOf', 'const', 'items', 'properties']);

/**
 * @param {Schema[]} messages - each with a title
 * @returns {string} the module that declares them, and what they are made of
 */
export function declare(messages) {
  /** @type {Map<string, string>} */
  const declared = new Map();
  const parts = messages.flatMap(({ $defs = {} }) => Object.entries($defs)).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, schema] of [...messages.map((one) => /** @type {const} */ ([one.title ?? '', one])), ...parts]) {
    const declaration = declarationOf(name, schema);
    if ((declared.get(name) ?? declaration) !== declaration) throw new Error(`the schemas say different things of ${name}`);
    declared.set(name, declaration);
  }
  return [HEAD, ...declared.values()].join('\n');
}

/**
 * @param {string} name
 * @param {Schema} schema
 */
function declarationOf(name, schema) {
  const { description, oneOf = [] } = schema;
  refuseUnknown(schema);
  if (schema.properties !== undefined) return `${comment(description, '')}export interface ${name} ${typeOf(schema, '')}\n`;
  if (oneOf.length < 2) return `${comment(description, '')}export type ${name} = ${typeOf(schema, '')};\n`;
  const choices = oneOf.map((one) => `\n${comment(one.description, '  ')}  | ${typeOf(one, '  ')}`);
  return `${comment(description, '')}export type ${name} =${choices.join('')};\n`;
}

/**
 * @param {Schema} schema
 * @param {string} indent
 * @returns {string}
 */
function typeOf(schema, indent) {
  refuseUnknown(schema);
  if (schema.$ref !== undefined) return schema.$ref.replace('#/$defs/', '');
  if (schema.const !== undefined) return `'${schema.const}'`;
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) return choices.map((one) => typeOf(one, indent)).join(' | ');
  return [schema.type ?? []].flat().map((type) => {
    switch (type) {
      case 'object': return objectOf(schema, indent);
      case 'array': {
        const item = typeOf(schema.items ?? {}, indent);
        return item.includes(' ') ? `(${item})[]` : `${item}[]`;
      }
      case 'integer': return 'number';
      case 'string':
      case 'boolean':
      case 'null':
        return type;
      default: throw new Error(`tools/messages.js does not know the type ${type}`);
    }
  }).join(' | ');
}

/** @param {Schema} schema */
function refuseUnknown(schema) {
  const unknown = Object.keys(schema).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) throw new Error(`tools/messages.js does not know '${unknown.join("', '")}'`);
  const shapes = SHAPES.filter((key) => key in schema);
  if (shapes.length > 1) throw new Error(`tools/messages.js takes one of '${shapes.join("', '")}', and not all`);
}

/**
 * What is required comes first, in the order of the Rust type; `properties` is sorted.
 *
 * @param {Schema} schema
 * @param {string} indent
 */
function objectOf({ properties = {}, required = [] }, indent) {
  const names = [...required, ...Object.keys(properties).filter((name) => !required.includes(name))];
  const members = names.map((name) => {
    const { [name]: member = {} } = properties;
    const type = typeOf(member, `${indent}  `);
    return { words: member.description, member: `${name}${required.includes(name) ? '' : '?'}: ${type}` };
  });
  if (members.every(({ words }) => words === undefined)) return `{ ${members.map(({ member }) => member).join('; ')} }`;
  const lines = members.map(({ words, member }) => `${comment(words, `${indent}  `)}${indent}  ${member};\n`);
  return `{\n${lines.join('')}${indent}}`;
}

/**
 * @param {string|undefined} words - a rustdoc comment, whose links lead nowhere here
 * @param {string} indent
 */
function comment(words, indent) {
  if (words === undefined) return '';
  const lines = words.replace(/\[(`[^`]+`)\](?:\([^)]*\))?/g, '$1').split('\n');
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const names = readdirSync(SCHEMAS, { recursive: true }).filter((name) => name.endsWith('.json')).sort();
  const module = declare(names.map((name) => JSON.parse(readFileSync(new URL(name, SCHEMAS), 'utf8'))));
  if (!argv.includes('--check')) {
    writeFileSync(WRITTEN, module);
  } else if (readFileSync(WRITTEN, 'utf8') !== module) {
    console.error('types/messages.d.ts is not what the schemas of signaling/proto give: run `npm run types`');
    exit(1);
  }
}
