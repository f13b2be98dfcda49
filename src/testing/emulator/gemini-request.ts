import { geminiRule } from "../../api-params-handler/gemini-models.js";
import { checkContent, checkContents, isObject, unknownName } from "./gemini-conversation.js";
import { badRequest, type EmulatedMessage, type EmulatedPrompt, type Refusal } from "./reply.js";

type Json = Record<string, unknown>;

const PATH = /^\/v1(?:alpha|beta)?\/((?:models|tunedModels)\/[^/:]+):(generateContent|streamGenerateContent|countTokens)$/;

/** What a path asks for, and of which model. */
export function geminiPath(path: string): { model: string; method: string } | undefined {
  const found = PATH.exec(path);
  return found ? { model: decodeURIComponent(found[1]!).replace(/^models\//, ""), method: found[2]! } : undefined;
}

const words = (text: string) => new Set(text.split(/\s+/));
const KNOWN = words(
  "model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels store serviceTier continuationToken",
);
const GENERATION = words(
  `temperature topP topK candidateCount maxOutputTokens stopSequences responseLogprobs logprobs presencePenalty frequencyPenalty seed
  responseMimeType responseSchema responseJsonSchema responseModalities mediaResolution speechConfig thinkingConfig imageConfig
  audioTranscriptionConfig enableEnhancedCivicAnswers`,
);
const TOOLS = words(
  "functionDeclarations googleSearch googleSearchRetrieval codeExecution urlContext googleMaps fileSearch computerUse mcpServers",
);
const DECLARATION = words("name description parameters parametersJsonSchema response responseJsonSchema behavior");
const THINKING = words("includeThoughts thinkingBudget thinkingLevel");
const CATEGORIES = words(
  "HARM_CATEGORY_HARASSMENT HARM_CATEGORY_HATE_SPEECH HARM_CATEGORY_SEXUALLY_EXPLICIT HARM_CATEGORY_DANGEROUS_CONTENT HARM_CATEGORY_CIVIC_INTEGRITY",
);
const THRESHOLDS = words("OFF BLOCK_NONE BLOCK_ONLY_HIGH BLOCK_MEDIUM_AND_ABOVE BLOCK_LOW_AND_ABOVE HARM_BLOCK_THRESHOLD_UNSPECIFIED");

/** What the Gemini API would answer with an error, or undefined. It refuses fields that it does not know, strict or not. */
export function checkGeminiRequest(sent: Json, path: string): Refusal | undefined {
  const { model, method } = geminiPath(path)!;
  let body = camel(sent);
  if (method === "countTokens" && isObject(body.generateContentRequest)) {
    if (present(body.contents)) return badRequest("* CountTokensRequest: contents and generate_content_request are mutually exclusive.\n");
    const { generateContentRequest: inner, contents: _, ...rest } = body;
    const stray = Object.keys(rest)[0];
    if (stray) return unknownName(stray);
    body = camel(inner as Json);
    if (typeof body.model !== "string") return badRequest("* CountTokensRequest.generate_content_request.model: model is not specified\n");
  }
  for (const key of Object.keys(body)) if (!KNOWN.has(key)) return unknownName(snake(key));
  const rule = geminiRule(model);
  return (
    (present(body.systemInstruction) ? checkContent(body.systemInstruction, "system_instruction") : undefined) ??
    checkContents(body.contents, rule.signatures === true) ??
    checkTools(body, rule.mixesTools === true, rule.tools !== false) ??
    checkSafety(body.safetySettings) ??
    checkGeneration(model, body.generationConfig)
  );
}

function checkTools(body: Json, mixes: boolean, takesFunctions: boolean): Refusal | undefined {
  const names = new Set<unknown>();
  let builtins = 0;
  const tools = body.tools === undefined ? [] : body.tools;
  if (!Array.isArray(tools)) return badRequest(`Invalid value at 'tools', ${JSON.stringify(tools)}`);
  for (const [i, sent] of tools.entries()) {
    const tool = isObject(sent) ? camel(sent) : {};
    for (const key of Object.keys(tool)) {
      if (!TOOLS.has(key)) return unknownName(snake(key), `tools[${i}]`);
      if (key !== "functionDeclarations") builtins++;
    }
    for (const [j, declared] of ((tool.functionDeclarations ?? []) as Json[]).entries()) {
      const declaration = camel(declared);
      const at = `tools[${i}].function_declarations[${j}]`;
      for (const key of Object.keys(declaration)) if (!DECLARATION.has(key)) return unknownName(snake(key), at);
      const { name, parameters, parametersJsonSchema: schema } = declaration;
      if (typeof name !== "string" || !/^[a-zA-Z_][\w.:-]{0,127}$/.test(name)) {
        return badRequest(
          `* GenerateContentRequest.${at}.name: Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.\n`,
        );
      }
      if (names.has(name)) return badRequest(`Duplicate function declaration found: ${name}`);
      names.add(name);
      if (parameters !== undefined && schema !== undefined) {
        return badRequest(`* GenerateContentRequest.${at}: parameters and parameters_json_schema are mutually exclusive.\n`);
      }
      if (schema !== undefined && !(isObject(schema) && schema.type === "object")) {
        return badRequest(`* GenerateContentRequest.${at}.parameters_json_schema: schema must be of type object\n`);
      }
    }
  }
  if (names.size > 0 && !takesFunctions) return badRequest("Function calling is not enabled for this model");
  const config = isObject(body.toolConfig) ? camel(body.toolConfig) : {};
  if (names.size > 0 && builtins > 0) {
    if (!mixes) return badRequest("Tool use with function calling is unsupported");
    if (config.includeServerSideToolInvocations !== true) {
      return badRequest("Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.");
    }
  }
  const calling = isObject(config.functionCallingConfig) ? camel(config.functionCallingConfig) : undefined;
  if (!calling) return undefined;
  const stray = Object.keys(calling).find((key) => key !== "mode" && key !== "allowedFunctionNames");
  if (stray) return unknownName(snake(stray), "tool_config.function_calling_config");
  const { mode = "AUTO", allowedFunctionNames: allowed } = calling;
  if (!["AUTO", "ANY", "NONE", "VALIDATED"].includes(mode as string)) {
    return badRequest(`Invalid value at 'tool_config.function_calling_config.mode' (Mode), ${JSON.stringify(mode)}`);
  }
  if (names.size === 0) return badRequest("Function calling config is set without function_declarations.");
  if (allowed === undefined) return undefined;
  if (mode !== "ANY" && mode !== "VALIDATED") {
    return badRequest("Function calling config: allowed_function_names should be set only when the mode is ANY or VALIDATED.");
  }
  const missing = (allowed as unknown[]).find((name) => !names.has(name));
  return missing === undefined
    ? undefined
    : badRequest(`Function calling config: allowed_function_names contains "${String(missing)}", which is not declared.`);
}

function checkSafety(settings: unknown): Refusal | undefined {
  for (const [i, setting] of ((settings ?? []) as Json[]).entries()) {
    for (const [key, known] of [
      ["category", CATEGORIES],
      ["threshold", THRESHOLDS],
    ] as const) {
      if (known.has(setting[key] as string)) continue;
      return badRequest(`Invalid value at 'safety_settings[${i}].${key}', ${JSON.stringify(setting[key])}`);
    }
  }
  return undefined;
}

function checkGeneration(model: string, sent: unknown): Refusal | undefined {
  if (!isObject(sent)) return undefined;
  const config = camel(sent);
  for (const key of Object.keys(config)) if (!GENERATION.has(key)) return unknownName(snake(key), "generation_config");
  const rule = geminiRule(model);
  const limits = [
    ["temperature", 0, 2],
    ["topP", 0, 1],
    ["candidateCount", 1, 8],
    ["maxOutputTokens", 1, (rule.maxOutputTokens ?? 65_536) + 1],
  ] as const;
  for (const [key, low, high] of limits) {
    const value = config[key];
    if (value === undefined) continue;
    if (typeof value !== "number")
      return badRequest(`Invalid value at 'generation_config.${snake(key)}' (TYPE_FLOAT), ${JSON.stringify(value)}`);
    if (value < low || value > high) {
      return badRequest(
        `Unable to submit request because it has a ${key} value of ${value} but the supported range is from ${low} (inclusive) to ${high} (inclusive). Update the value and try again.`,
      );
    }
  }
  const { stopSequences: stops, responseMimeType: mime, responseSchema, responseJsonSchema, thinkingConfig } = config;
  if (Array.isArray(stops) && stops.length > 5) return badRequest("* GenerateContentRequest.generation_config.stop_sequences: at most 5\n");
  if ((responseSchema ?? responseJsonSchema) !== undefined && mime !== "application/json" && mime !== "text/x.enum") {
    return badRequest("Response schema is only supported for response mime type: application/json or text/x.enum");
  }
  return isObject(thinkingConfig) ? checkThinking(rule.thinking, model, camel(thinkingConfig)) : undefined;
}

function checkThinking(kind: string | undefined, model: string, config: Json): Refusal | undefined {
  const stray = Object.keys(config).find((key) => !THINKING.has(key));
  if (stray) return unknownName(snake(stray), "generation_config.thinking_config");
  const { thinkingBudget: budget, thinkingLevel: level } = config;
  if (budget !== undefined && level !== undefined) return badRequest("You can only set only one of thinking budget and thinking level.");
  if (kind === "none") return badRequest("Thinking is not enabled for this model");
  if (level !== undefined) {
    if (kind === "budget") return badRequest("Thinking level is not supported for this model.");
    if (!["MINIMAL", "LOW", "MEDIUM", "HIGH"].includes(String(level).toUpperCase())) {
      return badRequest(`Invalid value at 'generation_config.thinking_config.thinking_level', ${JSON.stringify(level)}`);
    }
    if (String(level).toUpperCase() === "MINIMAL" && /-pro/.test(model)) {
      return badRequest("Thinking level MINIMAL is not supported for this model. Please retry with other thinking level.");
    }
  }
  if (typeof budget !== "number" || kind !== "budget" || budget === -1) return undefined;
  const pro = /-pro/.test(model);
  if (pro && budget === 0) return badRequest("Budget 0 is invalid. This model only works in thinking mode.");
  const [low, high] = pro ? [128, 32_768] : [0, 24_576];
  return budget < low || budget > high
    ? badRequest(`The thinking budget ${budget} is invalid. Please choose a value between ${low} and ${high}.`)
    : undefined;
}

/** The request in no dialect's words. Expects one that `checkGeminiRequest` let pass. */
export function readGeminiRequest(sent: Json, headers: Record<string, string>, path: string): EmulatedPrompt {
  const { model, method } = geminiPath(path)!;
  const outer = camel(sent);
  const body = camel(isObject(outer.generateContentRequest) ? outer.generateContentRequest : sent);
  const tools = ((body.tools ?? []) as Json[]).flatMap((tool) => (camel(tool).functionDeclarations ?? []) as Json[]).map(camel);
  const config = camel((body.toolConfig ?? {}) as Json);
  const calling = camel((config.functionCallingConfig ?? {}) as Json);
  const [only, second] = (calling.allowedFunctionNames ?? []) as string[];
  const system = body.systemInstruction as { parts: Json[] } | undefined;
  return {
    model,
    stream: method === "streamGenerateContent",
    messages: [
      ...(system ? [{ role: "system" as const, text: textOf(system.parts), toolCalls: [] }] : []),
      ...readContents((body.contents ?? []) as { role?: string; parts: Json[] }[]),
    ],
    tools: tools.map((tool) => ({
      name: tool.name as string,
      description: (tool.description ?? "") as string,
      inputSchema: (tool.parametersJsonSchema ?? tool.parameters ?? { type: "object", properties: {} }) as Json,
    })),
    toolChoice:
      calling.mode === "NONE"
        ? "none"
        : calling.mode !== "ANY"
          ? "auto"
          : only !== undefined && second === undefined
            ? { toolName: only }
            : "required",
    body,
    headers,
  };
}

function readContents(contents: readonly { role?: string; parts: Json[] }[]): EmulatedMessage[] {
  const messages: EmulatedMessage[] = [];
  let asked: { id: string; name: string }[] = [];
  let numbered = 0;
  for (const { role, parts } of contents) {
    if (role === "model") {
      const toolCalls = parts.flatMap(({ functionCall }) => {
        if (!isObject(functionCall)) return [];
        const id = typeof functionCall.id === "string" ? functionCall.id : `call_${numbered++}`;
        return [{ id, name: functionCall.name as string, arguments: JSON.stringify(functionCall.args ?? {}) }];
      });
      asked = toolCalls;
      messages.push({ role: "assistant", text: textOf(parts.filter((part) => part.thought !== true)), toolCalls });
      continue;
    }
    const results = parts.flatMap(({ functionResponse }) => (isObject(functionResponse) ? [functionResponse] : []));
    for (const [i, { id, response }] of results.entries()) {
      const { output, error } = response as { output?: unknown; error?: unknown };
      const value = output ?? error ?? response;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      messages.push({ role: "tool", text, toolCalls: [], toolCallId: typeof id === "string" ? id : (asked[i]?.id ?? "") });
    }
    if (results.length < parts.length) messages.push({ role: "user", text: textOf(parts), toolCalls: [] });
  }
  return messages;
}

function textOf(parts: readonly Json[]): string {
  return parts.map((part) => (typeof part.text === "string" ? part.text : "")).join("");
}

/** The API takes both spellings of a field, and a null for none. */
function camel(body: Json): Json {
  const entries = Object.entries(body).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]));
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}
