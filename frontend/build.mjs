/*
 * Bundles the card into the integration. With --check, writes nothing and fails if the bundle there is not what the
 * source makes. Also fails if the first load is too large, or if modules import each other in a circle.
 *
 * The first load is what every dashboard loads: lianke-card.js and the chunk that it imports. Every module that is
 * imported by `import(...)` is a part: a chunk of its own, loaded when it is needed. The names of chunks contain a
 * digest, so that no browser ever mixes two versions. `--sizes` lists the modules of the first load.
 */
import { build } from "esbuild";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../custom_components/lianke/frontend");
const ENTRY = "src/lianke-card.ts";
const FIRST_LOAD_LIMIT = 22_000; // bytes of the first load, compressed

const sources = (await readdir(join(here, "src"), { recursive: true }))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(here, "src", name));
const texts = new Map(await Promise.all(sources.map(async (path) => [path, await readFile(path, "utf8")])));
const parts = new Set(
  [...texts].flatMap(([path, text]) =>
    [...text.matchAll(/\bimport\("(\..+?)"\)/g)].map(([, part]) => `${join(dirname(path), part)}.ts`),
  ),
);

/* Removes comments and most blanks from style sheets, where they mean nothing. esbuild keeps them, since to esbuild a
   style sheet is text in a template. */
const withTightStyles = (text) =>
  text.replace(/\bcss`[^`]*`/g, (sheet) =>
    sheet
      .replace(/\/\*.*?\*\//gs, "")
      .replace(/\s+/g, " ")
      .replace(/ ?([{};]) ?/g, "$1")
      .replace(/([:,]) /g, "$1")
      .replaceAll(";}", "}"),
  );

const card = {
  name: "card",
  setup({ onLoad, onResolve }) {
    // esbuild puts modules that the same parts share into a chunk of their own, which would split the first load into a
    // dozen small chunks. Here every part imports the first load, so that they all share it as a single chunk.
    onResolve({ filter: /^first-load$/ }, () => ({ path: join(here, ENTRY) }));
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
      contents: withTightStyles(texts.get(path)) + (parts.has(path) ? '\nimport "first-load";' : ""),
      loader: "ts",
    }));
    // All icons are one module, so the first load would have the icons of every part. Each file that imports icons
    // gets its own copy of the module instead, from which esbuild drops the icons that the file does not use.
    const icons = join(here, "node_modules/@mdi/js/mdi.js");
    onResolve({ filter: /^@mdi\/js$/ }, ({ importer }) => ({ path: icons, suffix: `?${relative(here, importer)}` }));
  },
};

const { outputFiles, metafile } = await build({
  absWorkingDir: here,
  entryPoints: { "lianke-card": ENTRY },
  outdir: target,
  bundle: true,
  preserveSymlinks: true, // node_modules may be a link, whose target would change the digests
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "eof",
  charset: "utf8",
  chunkNames: "lianke-card-[name]-[hash]",
  metafile: true,
  plugins: [card],
  write: false,
});

/* Replaces each line break and its indentation with a blank: in minified code they occur only in templates, where they
   mean the same. */
const withoutIndentation = (text) => {
  const [code, ...licenses] = text.split("/*! Bundled license");
  return [code.replace(/\n\s+/g, " "), ...licenses].join("/*! Bundled license");
};
const made = new Map(outputFiles.map(({ path, text }) => [basename(path), withoutIndentation(text)]));
const old = (await readdir(target)).filter((name) => name.endsWith(".js"));

const fail = (message) => {
  console.error(message);
  process.exitCode = 1;
};

const outputs = Object.entries(metafile.outputs);
const first = outputs.filter(([, { entryPoint }]) => entryPoint === ENTRY).map(([path]) => path);
// The array grows while it is walked, so that indirect imports are found, too.
for (const path of first)
  for (const { kind, path: next } of metafile.outputs[path].imports)
    if (kind === "import-statement" && !first.includes(next)) first.push(next);
const size = first.reduce((sum, path) => sum + gzipSync(made.get(basename(path)), { level: 9 }).length, 0);
console.log(`A dashboard loads ${size} bytes, compressed; the limit is ${FIRST_LOAD_LIMIT}.`);
if (size > FIRST_LOAD_LIMIT)
  fail('The first load is too large: see .github/CONTRIBUTING.md, "The card\'s first load".');
if (process.argv.includes("--sizes")) {
  const inputs = first.flatMap((path) => Object.entries(metafile.outputs[path].inputs));
  for (const [path, { bytesInOutput }] of inputs.sort(([, one], [, other]) => other.bytesInOutput - one.bytesInOutput))
    if (bytesInOutput) console.log(`${String(bytesInOutput).padStart(6)}  ${path}`);
}

/* Returns a circle of imports that can be reached from a module, or null. Imports by `import(...)` count as well, but
   imports of types do not. */
const circleFrom = (path, way = [], done = new Set()) => {
  if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
  if (done.has(path)) return null;
  for (const { path: next, original } of metafile.inputs[path]?.imports ?? []) {
    const circle = original !== "first-load" && circleFrom(next, [...way, path], done);
    if (circle) return circle;
  }
  done.add(path);
  return null;
};
const circle = circleFrom(ENTRY);
if (circle) fail(`These modules import each other in a circle: ${circle.join(" → ")}`);

if (process.argv.includes("--check")) {
  const isSame = async (name) => (await readFile(join(target, name), "utf8")) === made.get(name);
  const stale = old.length !== made.size || !(await Promise.all(old.map(isSame))).every(Boolean);
  if (stale) fail("The bundle is not what the source makes: run `npm run build` in frontend/ and commit the result.");
} else {
  await Promise.all(old.filter((name) => !made.has(name)).map((name) => rm(join(target, name))));
  await Promise.all([...made].map(([name, text]) => writeFile(join(target, name), text)));
}
