import { inject, test } from "vitest";

const missing = inject("clientsMissing");
if (missing === "") {
  await import("./openai.js");
  await import("./ai-sdk.js");
  await import("./langchain.js");
  await import("./openai-agents.js");
} else test.skip(missing, () => {});
