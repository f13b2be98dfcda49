/** `massgen/api-params-handler`: which parameters each API has, and which of them a model takes. */
export { type ChatParams, type ChatParamsTarget, chatParams, checkChatParams } from "./chat-completions.js";
export { chatBodyParams } from "./chat-completions-request.js";
export { type ClaudeApiVersion, type ClaudeParams, checkClaudeParams, claudeParams } from "./claude.js";
export { type ClaudeModel, claudeModel } from "./claude-models.js";
export { type ClaudeParamsTarget, type ClaudeRequestParams, claudeRequestParams } from "./claude-request.js";
export { checkGeminiParams, type GeminiParams, geminiParams } from "./gemini.js";
export { type GeminiRule, geminiRule } from "./gemini-models.js";
export { geminiRequestParams } from "./gemini-request.js";
export { type ModelRule, modelRule } from "./openai-models.js";
export { checkResponsesParams, type ResponsesParams, responsesParams } from "./openai-responses.js";
export { type ResponsesParamsTarget, responsesBodyParams } from "./openai-responses-request.js";
export { type ParamsApi, type ParamsSchemaOptions, paramsSchema } from "./schema.js";
export type { ParamKind } from "./values.js";
