// `massgen/server`: a model of one agent for each of the provider's, and teams of three.
import { control } from "./control.mjs";

const { baseUrl, massgen, server, models } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
/** @type {typeof import("massgen/server")} */
const { serve } = await import(server);

/** @param {string[]} names */
const team = (names) =>
  new Orchestrator({
    agents: names.map((model) => ({
      id: model,
      backend: { type: /** @type {const} */ ("chatcompletion"), model, baseUrl, apiKey: "sk-bench" },
    })),
  });
const teams = Object.fromEntries(/** @type {string[]} */ (models).map((model) => [model, team([model])]));
const { url } = await serve({
  models: { ...teams, team: team(["team-1", "team-2", "team-3"]), later: team(["later-1", "later-2", "later-3"]) },
  port: 0,
  maxRuns: 2_000,
  heartbeatMs: 10_000,
});
control(url);
