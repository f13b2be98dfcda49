import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Plugin } from "esbuild";
import { defineConfig } from "tsup";

// The entries are what package.json offers: `./dist/x/index.js` there is built from `src/x/index.ts`.
const { bin, exports } = JSON.parse(readFileSync("package.json", "utf8"));
const offered: string[] = [...Object.values<string>(bin), ...Object.values<{ default?: string }>(exports).flatMap((e) => e.default ?? [])];
const entry = Object.fromEntries(
  offered.map((file) => {
    const name = file.replace("./dist/", "").replace(/\.js$/, "");
    return [name, `src/${name}.ts`];
  }),
);

const source = (name: string) => resolve(`src/${name}.ts`);
const core = source("index");
/** What is used by itself and loads no more than it needs. */
const alone = ["formatter/index", "api-params-handler/index", "token-manager/index", "cli/main", "cli/program"].map(source);

/** The files that are loaded apart from `core`, and with it. */
function loadedLater(): string[] {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const imported = files.flatMap((file) => {
    const found = readFileSync(resolve("src", file), "utf8").matchAll(/import\("(\.[^"]+)\.js"\)/g);
    return [...found].map(([, path]) => resolve("src", dirname(file), `${path}.ts`));
  });
  const all = [...Object.keys(entry).map(source), ...imported];
  return all.filter((file) => file !== core && !alone.includes(file));
}

/**
 * Puts what `import "massgen"` loads into few files, since Node takes half a millisecond and more for each. esbuild makes a chunk of
 * every set of modules that the same entries reach; so what is loaded later, when the core is there already, is made to reach all of it.
 */
const fewFiles: Plugin = {
  name: "few-files",
  setup({ onLoad }) {
    const later = new Set(loadedLater());
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!later.has(path)) return undefined;
      return { contents: `import ${JSON.stringify(core)};\n${await readFile(path, "utf8")}`, loader: "ts" };
    });
  },
};

export default defineConfig({
  entry,
  format: "esm",
  target: "node20.19",
  // One bundle per entry with shared chunks loads much faster than hundreds of files; dependencies stay imports.
  splitting: true,
  esbuildPlugins: [fewFiles],
  skipNodeModulesBundle: true,
  // Readable as it is: no minifying, and no source maps to carry along.
  minify: false,
  sourcemap: false,
  clean: true,
  // The declarations come from `tsc -p tsconfig.build.json`.
  dts: false,
  silent: true,
});
