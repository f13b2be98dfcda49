import type { CoordinationEvent } from "../orchestrator/events.js";

interface Draft {
  agentId: string;
  /** Written and not told yet. */
  unread: string;
}

/**
 * Tells the deliberation as one readable text. Agents write at the same time; the reader hears one of them live, and the
 * others when it has finished.
 */
export class Narrator {
  readonly #drafts = new Map<string, Draft>();
  #speaker: string | undefined;
  /** What happened while somebody spoke. */
  #held = "";
  #began = false;

  /** What is to be said at this event; mostly nothing. */
  tell(event: CoordinationEvent): string {
    switch (event.type) {
      case "answer-delta": {
        const { turnId, agentId, delta } = event;
        if (this.#speaker === turnId) return delta;
        const draft = this.#drafts.get(turnId);
        if (draft === undefined) this.#drafts.set(turnId, { agentId, unread: delta });
        else draft.unread += delta;
        return this.#speaker === undefined ? this.#nextSpeaker() : "";
      }
      case "answer":
        if (event.phase === "present") return ""; // a lone agent's: it is the final text
        return this.#answered(event.turnId, event.agentId, event.label, event.content);
      case "decision-rejected":
      case "turn-interrupt":
      case "turn-error":
        return this.#dropped(event.turnId, event.agentId, event.type === "turn-error" ? event.error.message : undefined);
      case "step-finish":
        return event.status === "ok" ? "" : this.#dropped(event.turnId, event.agentId);
      case "vote":
        return this.#line(`${event.agentId} votes for ${event.label}${event.reason === "" ? "" : `: ${event.reason}`}`);
      case "vote-void":
        return event.reason === "new-answer" ? this.#line(`${event.agentId}'s vote for ${event.label} is void`) : "";
      case "tool-call":
        return event.phase === "present" ? "" : this.#line(`${event.agentId} uses ${event.toolName}`);
      case "agent-out":
        return this.#line(`${event.agentId} is out (${event.reason})`);
      case "consensus":
        if (event.rule === "single") return "";
        return this.#line(`${event.winner} presents ${event.label} (${event.reason})`);
      case "run-restart":
        return this.#line(`${event.reviewer} sends it back: ${event.feedback}`);
      default:
        return "";
    }
  }

  #answered(turnId: string, agentId: string, label: string, content: string): string {
    const draft = this.#drafts.get(turnId);
    this.#drafts.delete(turnId);
    if (this.#speaker === turnId) return this.#stopSpeaking(`(${agentId}'s answer, ${label})`);
    return this.#line(`${agentId} answers (${label}):\n${draft?.unread || content}`);
  }

  #dropped(turnId: string, agentId: string, why?: string): string {
    this.#drafts.delete(turnId);
    const ending = this.#speaker === turnId ? this.#stopSpeaking("(not finished)") : "";
    return why === undefined ? ending : ending + this.#line(`${agentId} failed: ${why}`);
  }

  #stopSpeaking(ending: string): string {
    this.#speaker = undefined;
    const held = this.#held;
    this.#held = "";
    return this.#line(ending) + held + this.#nextSpeaker();
  }

  #nextSpeaker(): string {
    const [next] = this.#drafts;
    if (next === undefined) return "";
    const [turnId, draft] = next;
    const text = this.#line(`${draft.agentId} writes:\n${draft.unread}`);
    draft.unread = "";
    this.#speaker = turnId;
    return text;
  }

  /** A paragraph; held back while somebody speaks. */
  #line(text: string): string {
    const paragraph = this.#began ? `\n\n${text}` : text;
    this.#began = true;
    if (this.#speaker === undefined) return paragraph;
    this.#held += paragraph;
    return "";
  }
}
