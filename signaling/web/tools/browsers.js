// Whether all that the page uses is in the oldest browsers that it is for: TypeScript tells what each name in its source
// is, Mozilla's table who has that since when. Run by itself, it prints what is newer, the style sheets included, and fails
// then.

import { readdirSync, readFileSync } from 'node:fs';
import { argv, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

import { lookThroughStyle, OPTIONAL_STYLE } from './styles.js';
import { api, builtins, tooNew } from './table.js';

/** @typedef {import('./table.js').Entry} Entry */
/** @typedef {import('./table.js').Finding} Finding */

/** What the page uses where it is there, and does without elsewhere. */
const OPTIONAL = new Set([
  'HTMLVideoElement.requestVideoFrameCallback', 'RTCRtpReceiver.jitterBufferTarget', 'MediaStreamTrack.contentHint',
  'Navigator.vibrate', 'Navigator.wakeLock', 'WakeLock.request', 'WakeLockSentinel.release',
  'Navigator.userActivation', 'UserActivation.hasBeenActive',
  'Notification', 'Notification.permission', 'Notification.requestPermission', 'Notification.onclick', 'Notification.close',
  'ServiceWorkerRegistration.showNotification', 'ServiceWorkerRegistration.getNotifications',
]);

/**
 * @param {string[]} files
 * @param {ts.CompilerHost} [host] - where the files are from
 * @returns {{newer: Finding[], unused: string[]}} `unused`: of `OPTIONAL`
 */
export function lookThrough(files, host) {
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowJs: true, checkJs: true, strict: true, noEmit: true, types: [],
    lib: ['lib.esnext.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  }, host);
  const checker = program.getTypeChecker();
  /** @type {Map<string, Finding>} */
  const newer = new Map();
  const unused = new Set(OPTIONAL);
  for (const source of program.getSourceFiles()) {
    if (source.isDeclarationFile) continue;
    /** @param {ts.Node} node */
    const visit = (node) => {
      for (const { what, entry } of ts.isIdentifier(node) ? namesOf(node, checker) : []) {
        unused.delete(what);
        const since = OPTIONAL.has(what) ? null : tooNew(entry);
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        if (since !== null) newer.set(what, { what, since, where: `${source.fileName}:${line + 1}` });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { newer: [...newer.values()], unused: [...unused] };
}

/**
 * What of the browser's an identifier stands for, as Mozilla's table calls it.
 *
 * @param {ts.Identifier} node
 * @param {ts.TypeChecker} checker
 */
function namesOf(node, checker) {
  const { parent } = node;
  const symbol = ts.isBindingElement(parent) && (parent.propertyName ?? parent.name) === node
    ? checker.getTypeAtLocation(parent.parent).getProperty(node.text) : checker.getSymbolAtLocation(node);
  /** @type {{what: string, entry: Entry}[]} */
  const names = [];
  for (const declaration of symbol?.declarations ?? []) {
    if (!declaration.getSourceFile().hasNoDefaultLib) continue;
    const owner = ownerOf(declaration);
    const found = owner === null ? find([], node.text) : find([owner, ...heirs(node, checker)], node.text);
    if (found !== null) names.push(found);
  }
  return names;
}

/**
 * The interface that declares a member; null for what is global.
 *
 * @param {ts.Declaration} declaration
 */
function ownerOf(declaration) {
  const { parent } = declaration;
  if (ts.isInterfaceDeclaration(parent)) return parent.name.text.replace(/Constructor$/, '').replace(/^Readonly(?=Array|Map|Set)/, '');
  if (ts.isTypeLiteralNode(parent) && ts.isVariableDeclaration(parent.parent) && ts.isIdentifier(parent.parent.name)) {
    return parent.parent.name.text;
  }
  return null;
}

/**
 * The interfaces that the object before a member has: its member may be declared in a mixin, which the table does not know.
 *
 * @param {ts.Identifier} node
 * @param {ts.TypeChecker} checker
 */
function heirs(node, checker) {
  if (!ts.isPropertyAccessExpression(node.parent) || node.parent.name !== node) return [];
  const type = checker.getNonNullableType(checker.getTypeAtLocation(node.parent.expression));
  /** @type {string[]} */
  const names = [];
  /** @param {ts.Type} one */
  const add = (one) => {
    if (one.isUnionOrIntersection()) one.types.forEach(add);
    const name = one.getSymbol()?.name;
    if (name !== undefined) names.push(name);
    if (one.isClassOrInterface()) checker.getBaseTypes(one).forEach(add);
  };
  add(type);
  return names;
}

/**
 * @param {string[]} owners
 * @param {string} name
 */
function find(owners, name) {
  const event = /^on([a-z]+)$/.exec(name)?.[1];
  const spellings = [name, `${name}_static`, ...(event === undefined ? [] : [`${event}_event`])];
  for (const place of [api, builtins]) {
    for (const owner of owners) {
      for (const spelling of spellings) {
        const entry = place[owner]?.[spelling];
        if (entry?.__compat !== undefined) return { what: `${owner}.${name}`, entry };
      }
    }
    if (owners.length === 0 && place[name]?.__compat !== undefined) return { what: name, entry: place[name] };
  }
  return null;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const root = new URL('../static/', import.meta.url);
  const files = ['js/app.js', 'js/sim.js', 'js/certificate.js', 'js/offline.js', 'js/too-old.js', 'sw.js'];
  const { newer, unused } = lookThrough(files.map((path) => fileURLToPath(new URL(path, root))));
  const unusedStyle = new Set(OPTIONAL_STYLE);
  for (const name of readdirSync(new URL('css/', root), { recursive: true })) {
    const style = lookThroughStyle(readFileSync(new URL(`css/${name}`, root), 'utf8'), `static/css/${name}`);
    newer.push(...style.newer);
    for (const what of style.optional) unusedStyle.delete(what);
  }
  for (const { what, since, where } of newer) console.error(`${where}: ${what} is newer than the page's oldest browsers (${since})`);
  for (const what of unused) console.error(`tools/browsers.js: the page does not use ${what}; take it off the list`);
  for (const what of unusedStyle) console.error(`tools/styles.js: the page does not use ${what}; take it off the list`);
  exit(newer.length + unused.length + unusedStyle.size > 0 ? 1 : 0);
}
