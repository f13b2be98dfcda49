import type { ToolDefinition } from "../../formatter/messages.js";
import type { Offer } from "../core/types.js";
import { aliasOf } from "../core/types.js";
import type { DecisionRule } from "../voting/rule.js";

/** Names the orchestrator keeps for itself. */
export const WORKFLOW_TOOLS = ["new_answer", "vote", "submit", "restart_orchestration"] as const;

const object = (properties: Record<string, unknown>, required: string[]) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** The decisions a turn may take, as tools: only the aliases of answers that exist can be voted for. */
export function workflowTools(offer: Offer, rule: DecisionRule): ToolDefinition[] {
  const tools: ToolDefinition[] = [];
  if (offer.voteFor.length > 0) tools.push(voteTool(offer.voteFor.map(aliasOf), rule));
  if (offer.newAnswer) tools.push(newAnswerTool(offer.rationale));
  if (offer.review) tools.push(submitTool, restartTool);
  return tools;
}

function newAnswerTool(rationale: boolean): ToolDefinition {
  const lacking = { type: "string", description: "What the best current answer lacks that this one provides." };
  const content = { type: "string", description: "The complete answer, standing on its own." };
  return {
    name: "new_answer",
    description: rationale ? "Submit an answer that is better than every current one." : "Submit your complete answer to the task.",
    inputSchema: object(rationale ? { lacking, content } : { content }, rationale ? ["lacking", "content"] : ["content"]),
  };
}

function voteTool(aliases: string[], rule: DecisionRule): ToolDefinition {
  const others = { type: "array", items: { type: "string", enum: aliases } };
  return {
    name: "vote",
    description: "Vote for the best of the current answers.",
    inputSchema: object(
      {
        agent_id: { type: "string", enum: aliases, description: "Whose answer is the best." },
        reason: { type: "string", description: "Why, in a sentence or two." },
        ...(rule.ballot === "approval" && { also_acceptable: { ...others, description: "Other answers that are good enough." } }),
        ...(rule.ballot === "ranking" && { next_best: { ...others, description: "The other answers, best first." } }),
      },
      ["agent_id", "reason"],
    ),
  };
}

const submitTool: ToolDefinition = {
  name: "submit",
  description: "Accept the result: it is delivered as it is.",
  inputSchema: object({ confirmed: { type: "boolean", description: "Always true." } }, ["confirmed"]),
};

const restartTool: ToolDefinition = {
  name: "restart_orchestration",
  description: "Send the result back: the team works on the task once more.",
  inputSchema: object(
    {
      reason: { type: "string", description: "What is wrong with the result." },
      instructions: { type: "string", description: "What to do better." },
    },
    ["reason", "instructions"],
  ),
};
