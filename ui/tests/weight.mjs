/**
 * What each page weighs when it is opened first: `npm run weight`. Fails when one weighs more than it may.
 *
 * Counted, compressed by gzip as the server does: `index.html`, its script and style sheet, the page's, and everything
 * those import statically. `on demand` is what the page may load later: charts, the editor, Arrow, layout.
 */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const MOST_BYTES = 250_000;
const root = fileURLToPath(new URL('..', import.meta.url));

const built = await build({ root, logLevel: 'silent', build: { write: false } });
const outputs = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []));
const files = new Map(outputs.map((file) => [file.fileName, file]));

/** @type {Map<string, number>} */
const sizes = new Map();

/** @param {string} name */
function sizeOf(name) {
  const known = sizes.get(name);
  if (known !== undefined) return known;
  const file = files.get(name);
  if (!file) throw new Error(`the build has no ${name}`);
  const size = gzipSync(file.type === 'chunk' ? file.code : file.source, { level: 9 }).length;
  sizes.set(name, size);
  return size;
}

/** @param {string} name */
function chunkOf(name) {
  const file = files.get(name);
  return file?.type === 'chunk' ? file : undefined;
}

const chunks = [...files.keys()].flatMap((name) => chunkOf(name) ?? []);
const entry = chunks.find((chunk) => chunk.isEntry)?.fileName ?? '';
/** @type {Map<string, string>} */
const pages = new Map();
for (const chunk of chunks) {
  const name = /\/src\/pages\/(\w+)Page\.svelte$/.exec(chunk.facadeModuleId ?? '')?.[1];
  if (name !== undefined) pages.set(chunk.fileName, name);
}

/** Chunks and their style sheets, with all they import; with `later` also on demand, but no other page. @param {string[]} names @param {boolean} later */
function closure(names, later) {
  const seen = new Set(names);
  const all = new Set(['index.html']);
  for (const name of seen) {
    const chunk = chunkOf(name);
    all.add(name);
    for (const css of chunk?.viteMetadata?.importedCss ?? []) all.add(css);
    const onDemand = later ? (chunk?.dynamicImports ?? []).filter((next) => !pages.has(next)) : [];
    for (const next of [...(chunk?.imports ?? []), ...onDemand]) seen.add(next);
  }
  return all;
}

/** @param {Iterable<string>} names */
function weigh(names) {
  return [...names].reduce((sum, name) => sum + sizeOf(name), 0);
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`.padStart(10);
}

console.log(`${'page'.padEnd(12)}${'first load'.padStart(12)}${'on demand'.padStart(12)}   of at most ${MOST_BYTES / 1000} kB, gzip`);
let isTooHeavy = pages.size === 0;
for (const [file, name] of [...pages].sort((a, b) => a[1].localeCompare(b[1]))) {
  const first = weigh(closure([entry, file], false));
  const later = weigh(closure([entry, file], true)) - first;
  isTooHeavy ||= first > MOST_BYTES;
  console.log(`${name.padEnd(12)}  ${kilobytes(first)}  ${kilobytes(later)}${first > MOST_BYTES ? '   too heavy' : ''}`);
}
process.exit(isTooHeavy ? 1 : 0);
