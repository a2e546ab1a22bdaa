// Runs src/**/*.test.ts(x) with node's own runner; esbuild turns them into JavaScript.
import * as esbuild from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = import.meta.dirname;
const out = join(root, "node_modules/.cache/tests");
const tests = readdirSync(join(root, "src"), { recursive: true })
  .filter((p) => /\.test\.tsx?$/.test(p))
  .map((p) => join(root, "src", p));
rmSync(out, { recursive: true, force: true });
await esbuild.build({
  entryPoints: tests, outdir: out, outbase: join(root, "src"), bundle: true, platform: "node", format: "esm",
  packages: "external", jsx: "automatic", outExtension: { ".js": ".mjs" }, logLevel: "warning", loader: { ".css": "empty", ".woff2": "empty" },
});
const built = tests.map((p) => p.replace(join(root, "src"), out).replace(/\.tsx?$/, ".mjs"));
process.exit(spawnSync(process.execPath, ["--test", ...built], { stdio: "inherit" }).status ?? 1);
