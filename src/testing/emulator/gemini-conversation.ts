import { badRequest, type Refusal } from "./reply.js";
import { thoughtSignature } from "./thought-signature.js";

type Json = Record<string, unknown>;

/** What fills a part: exactly one of these. */
const DATA = new Set(
  "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall toolResponse".split(" "),
);
const PART = new Set([...DATA, ..."thought thoughtSignature videoMetadata partMetadata mediaResolution mediaProcessing".split(" ")]);
/** Signatures that Google's docs give for calls which no Gemini made. */
const STAND_INS = new Set(["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"]);

/** What `generateContent` would say of the contents, or undefined. `signed`: the model wants its signatures back. */
export function checkContents(contents: unknown, signed: boolean): Refusal | undefined {
  if (contents === undefined || (Array.isArray(contents) && contents.length === 0)) {
    return badRequest("* GenerateContentRequest.contents: contents is not specified\n");
  }
  if (!Array.isArray(contents)) return badRequest(`Invalid value at 'contents', ${JSON.stringify(contents)}`);
  for (const [i, content] of contents.entries()) {
    const wrong = checkContent(content, `contents[${i}]`);
    if (wrong) return wrong;
  }
  return checkTurns(contents as Content[]) ?? (signed ? checkSignatures(contents as Content[]) : undefined);
}

interface Content {
  role?: string;
  parts: Json[];
}

/** One content; `systemInstruction` is one as well. */
export function checkContent(content: unknown, at: string): Refusal | undefined {
  if (!isObject(content)) return badRequest(`Invalid value at '${at}', ${JSON.stringify(content)}`);
  const stray = Object.keys(content).find((key) => key !== "role" && key !== "parts");
  if (stray) return unknownName(stray, at);
  const { role, parts } = content;
  if (role !== undefined && role !== "user" && role !== "model") return badRequest("Please use a valid role: user, model.");
  if (!Array.isArray(parts) || parts.length === 0) {
    return badRequest(`* GenerateContentRequest.${at}.parts: contents.parts must not be empty.\n`);
  }
  for (const [j, part] of parts.entries()) {
    const wrong = checkPart(part, `${at}.parts[${j}]`);
    if (wrong) return wrong;
  }
  return undefined;
}

function checkPart(part: unknown, at: string): Refusal | undefined {
  if (!isObject(part)) return badRequest(`Invalid value at '${at}', ${JSON.stringify(part)}`);
  for (const key of Object.keys(part)) if (!PART.has(key)) return unknownName(key, at);
  const filled = Object.keys(part).filter((key) => DATA.has(key));
  if (filled.length === 0) {
    return badRequest(`* GenerateContentRequest.${at}.data: required oneof field 'data' must have one initialized field\n`);
  }
  if (filled.length > 1)
    return badRequest(`Invalid value at '${at}' (oneof), oneof field 'data' is already set. Cannot set '${filled[1]}'`);
  const { text, thoughtSignature: signature, inlineData, functionCall, functionResponse } = part;
  if (text !== undefined && typeof text !== "string")
    return badRequest(`Invalid value at '${at}.text' (TYPE_STRING), ${JSON.stringify(text)}`);
  if (signature !== undefined && (typeof signature !== "string" || !/^[\w+/=-]+$/.test(signature))) {
    return badRequest(`Invalid value at '${at}.thought_signature' (TYPE_BYTES), Base64 decoding failed`);
  }
  if (isObject(inlineData)) {
    if (typeof inlineData.data !== "string" || !/^[A-Za-z0-9+/_-]+=*$/.test(inlineData.data)) {
      return badRequest(`Invalid value at '${at}.inline_data.data' (TYPE_BYTES), Base64 decoding failed`);
    }
    if (!inlineData.mimeType) return badRequest("Unable to submit request because it has an empty mimeType parameter.");
  }
  if (functionCall !== undefined) {
    if (!isObject(functionCall) || !functionCall.name) return emptyName(`${at}.function_call`);
    const stray = Object.keys(functionCall).find((key) => !["id", "name", "args"].includes(key));
    if (stray) return unknownName(stray, `${at}.function_call`);
    if (functionCall.args !== undefined && !isObject(functionCall.args)) return notStruct(`${at}.function_call.args`, functionCall.args);
  }
  if (functionResponse !== undefined) {
    if (!isObject(functionResponse) || !functionResponse.name) return emptyName(`${at}.function_response`);
    if (!isObject(functionResponse.response)) return notStruct(`${at}.function_response.response`, functionResponse.response);
  }
  return undefined;
}

function checkTurns(contents: readonly Content[]): Refusal | undefined {
  for (const [i, content] of contents.entries()) {
    const before = contents[i - 1];
    const calls = callsOf(content);
    const results = content.parts.filter((part) => part.functionResponse !== undefined);
    if (calls.length > 0 && (content.role !== "model" || before === undefined)) {
      return badRequest("Please ensure that function call turn comes immediately after a user turn or after a function response turn.");
    }
    if (results.length > 0 && (before === undefined || callsOf(before).length === 0)) {
      return badRequest("Please ensure that function response turn comes immediately after a function call turn.");
    }
    if (before !== undefined && callsOf(before).length !== results.length && (callsOf(before).length > 0 || results.length > 0)) {
      return badRequest(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
      );
    }
  }
  const last = contents.at(-1);
  if (last && callsOf(last).length > 0) {
    return badRequest(
      "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
    );
  }
  return undefined;
}

/** The signature of a reply's first call, as this emulator gives it. */
export function callSignature(name: string, args: unknown): string {
  return thoughtSignature(`${name} ${JSON.stringify(args ?? {})}`);
}

/** Of each step since the user last spoke, the first call must carry its signature. */
function checkSignatures(contents: readonly Content[]): Refusal | undefined {
  const spoke = contents.findLastIndex(({ role, parts }) => role !== "model" && parts.some((part) => part.functionResponse === undefined));
  for (const [i, content] of contents.entries()) {
    const at = content.parts.findIndex((part) => part.functionCall !== undefined);
    const part = content.parts[at];
    if (part === undefined) continue;
    const { name, args } = part.functionCall as { name: string; args?: unknown };
    const { thoughtSignature: given } = part;
    if (given === undefined) {
      if (i < spoke) continue;
      return badRequest(
        `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${name}\` , position ${at + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`,
      );
    }
    if (!STAND_INS.has(given as string) && given !== callSignature(name, args)) return badRequest("Thought signature is not valid.");
  }
  return undefined;
}

function callsOf(content: Content): Json[] {
  return content.parts.filter((part) => part.functionCall !== undefined);
}

function emptyName(at: string): Refusal {
  return badRequest(`* GenerateContentRequest.${at}.name: Name cannot be empty.\n`);
}

function notStruct(at: string, value: unknown): Refusal {
  return badRequest(`Invalid value at '${at}' (type.googleapis.com/google.protobuf.Struct), ${JSON.stringify(value)}`);
}

/** A field that the API does not have. */
export function unknownName(name: string, at = ""): Refusal {
  return badRequest(`Invalid JSON payload received. Unknown name "${name}"${at ? ` at '${at}'` : ""}: Cannot find field.`);
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
