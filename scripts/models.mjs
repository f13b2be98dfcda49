// Writes src/backends/model-table.ts from the model data that @pydantic/genai-prices bundles (MIT): node scripts/models.mjs
// Models that answer in words only: what embeds, transcribes, speaks or draws is left out, and what its provider has withdrawn.
import { writeTable } from "./genai-prices.mjs";

/** Those whose rows carry the ids that their own API takes; Claude's models are in src/api-params-handler/claude-models.ts. */
const PROVIDERS = "openai google x-ai groq deepseek cerebras fireworks moonshotai".split(" ");
/** Providers whose rows without a window are worth having: the rules by model know the rest. */
const KNOWN = new Set(["openai", "google", "x-ai"]);
const OTHER =
  /embed|whisper|transcribe|tts|audio|realtime|live|image|vision|voice|guard|moderation|computer-use|^ft:|:|instruct$|^(ada|babbage|curie|davinci|text-)|^gpt-(3\.5|4)-?0|^gpt-(3\.5-turbo|4)-.*\d{3,}|^gpt-4\.5|^o1-(mini|preview)|omni|\.ft-|^gemini-(1|flash|pro)|^gemma-|^claude|^grok-2/i;
/** What stands before the id in requests. */
const PREFIX = { fireworks: "accounts/fireworks/models/" };

/** @typedef {{ id: string, context_window?: number, deprecated?: boolean }} Model */

await writeTable({
  script: "models.mjs",
  file: "src/backends/model-table.ts",
  providers: PROVIDERS,
  lines,
  day: { name: "modelsAsOf", doc: "The day of the table." },
  text: {
    name: "modelTable",
    doc: "/** A line per model that answers in words: its id and the tokens it can read and write in one step, where known. */",
  },
});

/** @param {string} provider @param {Model[]} models */
function lines(provider, models) {
  const prefix = provider in PREFIX ? PREFIX[/** @type {keyof typeof PREFIX} */ (provider)] : "";
  return models
    .filter(({ id, context_window: window, deprecated }) => !deprecated && !OTHER.test(id) && (window !== undefined || KNOWN.has(provider)))
    .map(({ id, context_window: window }) => (window === undefined ? id : `${prefix}${id} ${window}`));
}
