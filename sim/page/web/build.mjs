// Builds the page into dist/, which is committed and embedded, so that the
// demo needs no Node. dist/source.sha256 tells from which source it was made.
import * as esbuild from "esbuild";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";

const root = import.meta.dirname;
const out = join(root, "dist");
const watch = process.argv.includes("--watch");

/** files lists what is below a folder, with forward slashes, relative to root. */
function files(dir) {
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => relative(root, join(e.parentPath ?? e.path, e.name)).split(sep).join("/"));
}

/** sourceHash is the sha256 over `path NUL content NUL` of the sources, sorted by path. */
function sourceHash() {
  const hash = createHash("sha256");
  const paths = ["package.json", "package-lock.json", "build.mjs", "tsconfig.json", ...files("src")];
  for (const path of paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    hash.update(path).update("\0").update(readFileSync(join(root, path))).update("\0");
  }
  return hash.digest("hex");
}

const options = {
  // Names of chunks follow from paths: relative ones, so that every clone builds the same.
  absWorkingDir: root,
  preserveSymlinks: true,
  entryPoints: { app: join(root, "src/main.tsx"), theme: join(root, "src/theme.ts") },
  entryNames: "[name]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]",
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  legalComments: "none",
  jsx: "automatic",
  loader: { ".woff2": "file" },
  define: { "process.env.NODE_ENV": watch ? '"development"' : '"production"' },
  metafile: true,
  logLevel: "warning",
};

/** licences goes with what is bundled: its authors ask for that. */
function licences() {
  const bundled = ["react", "react-dom", "scheduler", "marked", "@fontsource-variable/inter", "@fontsource-variable/jetbrains-mono"];
  const texts = bundled.map((name) => {
    const dir = join(root, "node_modules", name);
    const file = readdirSync(dir).find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`${name} has no licence file`);
    return `${name} ${JSON.parse(readFileSync(join(dir, "package.json"), "utf8")).version}\n\n${readFileSync(join(dir, file), "utf8").trim()}\n`;
  });
  writeFileSync(join(out, "licences.txt"), texts.join("\n" + "-".repeat(72) + "\n\n"));
}

/** index has the browser ask for what app.js imports at once, not only when it has read app.js. */
function index(metafile) {
  const html = readFileSync(join(root, "src/index.html"), "utf8");
  const app = Object.entries(metafile?.outputs ?? {}).find(([path]) => path.endsWith("/app.js"))?.[1];
  const links = (app?.imports ?? []).filter((i) => i.kind === "import-statement").map((i) => `<link rel="modulepreload" href="/${i.path.split("/").at(-1)}">\n`);
  writeFileSync(join(out, "index.html"), html.replace('<script src="/app.js"', links.sort().join("") + '<script src="/app.js"'));
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out);
cpSync(join(root, "src/icon.svg"), join(out, "icon.svg"));
if (watch) {
  index();
  await (await esbuild.context(options)).watch();
} else {
  index((await esbuild.build(options)).metafile);
  licences();
  writeFileSync(join(out, "source.sha256"), sourceHash() + "\n");
  let total = 0;
  for (const path of files("dist").sort()) {
    const raw = readFileSync(join(root, path));
    const size = path.endsWith(".woff2") ? raw.length : gzipSync(raw, { level: 9 }).length;
    total += size;
    console.log(`${String(raw.length).padStart(8)} ${String(size).padStart(7)} compressed  ${path}`);
  }
  console.log(`${String(total).padStart(16)} compressed in all`);
}
