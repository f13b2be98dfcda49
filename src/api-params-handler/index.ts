/** `massgen/api-params-handler`: which parameters each API has, and which of them a model takes. */
export { type ChatParams, type ChatParamsTarget, chatBodyParams, chatParams, checkChatParams } from "./chat-completions.js";
export {
  type ClaudeApiVersion,
  type ClaudeParams,
  type ClaudeParamsTarget,
  type ClaudeRequestParams,
  checkClaudeParams,
  claudeParams,
  claudeRequestParams,
} from "./claude.js";
export { type ClaudeModel, claudeModel } from "./claude-models.js";
export { checkGeminiParams, type GeminiParams, geminiParams, geminiRequestParams } from "./gemini.js";
export { type GeminiRule, geminiRule } from "./gemini-models.js";
export { type ModelRule, modelRule } from "./openai-models.js";
export {
  checkResponsesParams,
  type ResponsesParams,
  type ResponsesParamsTarget,
  responsesBodyParams,
  responsesParams,
} from "./openai-responses.js";
export { type ParamsApi, type ParamsSchemaOptions, paramsSchema } from "./schema.js";
export type { ParamKind } from "./values.js";
