/*
 * Bundles the card into the integration, or with --check compares what is there with what the source makes.
 *
 * A dashboard loads lianke-card.js and the chunk that it imports; printing and editing are chunks loaded on demand.
 * Chunks carry a digest in their names, so that no browser ever mixes two versions.
 */
import { build } from "esbuild";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../custom_components/lianke/frontend");
const FIRST_LOAD_LIMIT = 22_000; // bytes, compressed

/* The icons are one module, which would lie in the first load with those of every part: each file gets a copy of its own. */
const icons = {
  name: "icons",
  setup({ onResolve }) {
    const path = join(here, "node_modules/@mdi/js/mdi.js");
    onResolve({ filter: /^@mdi\/js$/ }, ({ importer }) => ({ path, suffix: `?${relative(here, importer)}` }));
  },
};

/* esbuild takes style sheets in templates for texts: comments and blanks that mean nothing are taken out here. */
const styles = {
  name: "styles",
  setup({ onLoad }) {
    const tight = (text) =>
      text
        .replace(/\/\*.*?\*\//gs, "")
        .replace(/\s+/g, " ")
        .replace(/ ?([{};]) ?/g, "$1")
        .replace(/([:,]) /g, "$1")
        .replaceAll(";}", "}");
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/\bcss`[^`]*`/g, tight),
      loader: "ts",
    }));
  },
};

const { outputFiles, metafile } = await build({
  absWorkingDir: here,
  entryPoints: { "lianke-card": "src/lianke-card.ts" },
  outdir: target,
  bundle: true,
  preserveSymlinks: true, // node_modules may be a link: its place would be in the digests
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "eof",
  charset: "utf8",
  chunkNames: "lianke-card-[name]-[hash]",
  metafile: true,
  plugins: [icons, styles],
  write: false,
});

/* In minified code line breaks are left in templates alone, where they mean as much as a blank. */
const withoutIndentation = (text) => {
  const [code, ...licenses] = text.split("/*! Bundled license");
  return [code.replace(/\n\s+/g, " "), ...licenses].join("/*! Bundled license");
};
const made = new Map(outputFiles.map(({ path, text }) => [basename(path), withoutIndentation(text)]));
const old = (await readdir(target)).filter((name) => name.endsWith(".js"));

const outputs = Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]);
const first = outputs
  .find(([, { entryPoint }]) => entryPoint === "src/lianke-card.ts")[1]
  .imports.filter(({ kind }) => kind === "import-statement")
  .map(({ path }) => basename(path));
const size = ["lianke-card.js", ...first].reduce((sum, name) => sum + gzipSync(made.get(name), { level: 9 }).length, 0);
console.log(`A dashboard loads ${size} bytes, compressed; the limit is ${FIRST_LOAD_LIMIT}.`);
if (size > FIRST_LOAD_LIMIT) process.exitCode = 1;

if (process.argv.includes("--check")) {
  const same = async (name) => (await readFile(join(target, name), "utf8")) === made.get(name);
  const stale = old.length !== made.size || !(await Promise.all(old.map(same))).every(Boolean);
  if (stale) {
    console.error("The bundle is not what the source makes: run `npm run build` in frontend/ and commit the result.");
    process.exitCode = 1;
  }
} else {
  await Promise.all(old.filter((name) => !made.has(name)).map((name) => rm(join(target, name))));
  await Promise.all([...made].map(([name, text]) => writeFile(join(target, name), text)));
}
