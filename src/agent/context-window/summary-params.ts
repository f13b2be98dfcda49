/**
 * Parameters that say what form a reply has, how long it is, which tools it calls, or what the provider does with the conversation: they
 * are meant for the agent's work, and would make a summary JSON, cut it off, or be refused beside no tools. Spelled as the comparison has
 * them: small, without underscores.
 */
const OF_REPLIES: ReadonlySet<string> = new Set([
  ...["maxtokens", "maxcompletiontokens", "maxoutputtokens", "mintokens", "stop", "stopsequences", "stoptokenids", "taskbudget", "n"],
  ...["format", "responseformat", "responsemimetype", "responseschema", "responsejsonschema", "structuredoutputs"],
  ...["guidedjson", "guidedregex", "guidedchoice", "guidedgrammar", "jsonschema", "regex", "ebnf", "grammar"],
  ...["modalities", "responsemodalities", "audio", "speechconfig", "imageconfig", "prediction"],
  ...["logprobs", "toplogprobs", "responselogprobs", "logitbias"],
  ...["tools", "toolchoice", "toolconfig", "functions", "functioncall", "maxtoolcalls", "paralleltoolcalls", "disableparalleltooluse"],
  ...["mcpservers", "websearchoptions", "plugins", "container", "retrievalconfig"],
  ...["contextmanagement", "prompt", "cachedcontent", "background", "include", "previousresponseid", "conversation"],
]);

/** Parameters that hold others of these. */
const HOLDERS: ReadonlySet<string> = new Set(["extrabody", "text", "outputconfig", "generationconfig"]);

/** What of an agent's parameters goes with the request for a summary: who pays, where and how it runs, how the model thinks. */
export function summaryParams(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(params)) {
    const name = key.replaceAll("_", "").toLowerCase();
    if (OF_REPLIES.has(name)) continue;
    if (!HOLDERS.has(name) || typeof value !== "object" || value === null) kept[key] = value;
    else {
      const inner = summaryParams(value as Record<string, unknown>);
      if (Object.keys(inner).length > 0) kept[key] = inner;
    }
  }
  return kept;
}
