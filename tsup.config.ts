import { readFileSync } from "node:fs";
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

export default defineConfig({
  entry,
  format: "esm",
  target: "node20.19",
  // One bundle per entry with shared chunks loads much faster than hundreds of files; dependencies stay imports.
  splitting: true,
  skipNodeModulesBundle: true,
  // Readable as it is: no minifying, and no source maps to carry along.
  minify: false,
  sourcemap: false,
  clean: true,
  // The declarations come from `tsc -p tsconfig.build.json`.
  dts: false,
  silent: true,
});
