import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const newest = (name: string) => fileURLToPath(new URL(`./test/sdk-lines/node_modules/${name}`, import.meta.url));

// `vitest run` runs all of them, `npm test` all but the clients; `--project <name>` one. Those after the first prepare what they need themselves.
export default defineConfig({
  test: {
    maxWorkers: 2,
    coverage: { provider: "v8", include: ["src/**"] },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, "test/package/**", "test/clients/**"],
        },
      },
      {
        // The wires once more, on the other line of the provider SDK (see test/sdk-lines/package.json).
        resolve: { alias: { openai: newest("openai"), "@google/genai": newest("@google/genai") } },
        test: {
          name: "newest-sdks",
          include: ["test/backends/**/*.test.ts"],
          globalSetup: "test/sdk-lines/setup.ts",
        },
      },
      {
        // The server as other people's client libraries see it.
        test: {
          name: "clients",
          include: ["test/clients/clients.test.ts"],
          globalSetup: "test/clients/setup.ts",
          testTimeout: 30_000,
        },
      },
      {
        // The built package, as its users get it.
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          globalSetup: "test/package/setup.ts",
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
