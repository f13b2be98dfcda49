// A backend of one's own: anything that can perform a model step. `npx tsx examples/custom-backend.ts`
import { type Backend, type BackendChunk, type BackendRequest, Orchestrator } from "massgen";

/** A "model" that drafts a sentence, votes for the first alias offered, and presents. */
class TinyBackend implements Backend {
  readonly type = "tiny";
  readonly capabilities = { toolChoice: { required: true } };
  readonly model: string;
  constructor(model: string) {
    this.model = model;
  }

  async *stream({ tools = [] }: BackendRequest): AsyncGenerator<BackendChunk> {
    const vote = tools.find(({ name }) => name === "vote");
    if (vote !== undefined) {
      const { agent_id } = vote.inputSchema.properties as { agent_id: { enum: string[] } };
      const choice = [...agent_id.enum].sort()[0];
      yield { type: "tool-call", toolCallId: "1", toolName: "vote", input: { agent_id: choice, reason: "It is the first." } };
    } else if (tools.some(({ name }) => name === "new_answer")) {
      yield { type: "tool-call", toolCallId: "1", toolName: "new_answer", input: { content: `${this.model} says: a B-tree.` } };
    } else {
      yield { type: "text-delta", delta: "A B-tree, because it keeps its keys in order." };
    }
    yield { type: "finish", reason: tools.length > 0 ? "tool-calls" : "stop" };
  }
}

await using orchestrator = new Orchestrator({
  agents: ["one", "two", "three"].map((id) => ({ id, backend: new TinyBackend(`tiny-${id}`) })),
});
const { text, winner } = await orchestrator.run("Which index fits a query on a date range?").result;
console.log(`${winner}: ${text}`);
