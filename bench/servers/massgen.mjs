// `massgen/server`: a model of one agent for each of the provider's, and teams of three.
import { control } from "./control.mjs";
import { KINDS, team } from "./team.mjs";

const { baseUrl, massgen, server, models } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
/** @type {typeof import("massgen/server")} */
const { serve } = await import(server);

/** @param {string} model */
const single = (model) =>
  new Orchestrator({
    agents: [{ id: model, backend: { type: /** @type {const} */ ("chatcompletion"), model, baseUrl, apiKey: "sk-bench" } }],
  });
const singles = Object.fromEntries(/** @type {string[]} */ (models).map((model) => [model, single(model)]));
const teams = Object.fromEntries(KINDS.map((kind) => [kind, new Orchestrator({ agents: team(kind, baseUrl) })]));
const { url } = await serve({ models: { ...singles, ...teams }, port: 0, maxRuns: 2_000, heartbeatMs: 10_000 });
control(url);
