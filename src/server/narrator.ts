import type { CoordinationEvent, EventOfType } from "../orchestrator/events.js";

const WHY: Record<EventOfType<"consensus">["reason"], string> = {
  consensus: "The vote is over:",
  single: "",
  exhausted: "There are no votes:",
  deadline: "The time is up:",
  budget: "The budget is spent:",
  "finished-early": "It was asked to finish:",
};

const ASKED = "the operator is asked.";
const UNASKED = {
  approval: "that has to be allowed and nobody can be asked here, so it is not done.",
  question: "nobody can be asked here, so it stays unanswered.",
  "tool-result": "nobody can carry that out here, so it is not done.",
};

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
  readonly #asked: { approval: string; question: string; "tool-result": string };
  readonly #drafts = new Map<string, Draft>();
  #speaker: string | undefined;
  /** What happened while somebody spoke. */
  #held = "";
  /** The paragraph before. */
  #last: string | undefined;
  /** It has been said that the votes are void. */
  #void = false;

  /** `asksSomebody`: what runs ask besides their client is put to the operator. Default: to nobody. */
  constructor({ asksSomebody = false } = {}) {
    this.#asked = asksSomebody ? { approval: ASKED, question: ASKED, "tool-result": ASKED } : UNASKED;
  }

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
        this.#void = false;
        return this.#answered(event);
      case "decision-rejected":
        return this.#dropped(event.turnId, "(not accepted)");
      case "turn-interrupt":
        return this.#dropped(event.turnId, "(not finished)");
      case "turn-error": {
        // What a provider says may name addresses and accounts; the operator's log has it.
        const failed = `${event.agentId} failed (${event.error.code})${event.willRetry ? " and tries again" : ""}.`;
        return this.#dropped(event.turnId, "(not finished)") + this.#line(failed);
      }
      case "step-finish":
        return event.status === "ok" ? "" : this.#dropped(event.turnId, "(not finished)");
      case "vote": {
        this.#void = false;
        const { agentId, targetAgentId, label } = event;
        const whose = targetAgentId === agentId ? "its own" : `${targetAgentId}'s`;
        const reason = event.reason.trim().replace(/\s+/g, " ");
        return this.#line(`${agentId} votes for ${whose} answer ${label}${reason === "" ? "." : `: ${reason}`}`);
      }
      case "vote-void":
        // A new answer voids every vote there is, each with an event of its own.
        if (event.reason !== "new-answer" || this.#void) return "";
        this.#void = true;
        return this.#line("The votes so far are void: there is a new answer.");
      case "tool-call":
        return event.phase === "present" ? "" : this.#use(`${event.agentId} uses ${event.toolName}.`);
      case "input-request": {
        const { kind, toolName, agentId = "A tool" } = event;
        const wish = kind === "question" ? "asks a question" : `wants to use ${toolName}`;
        return this.#line(`${agentId} ${wish}: ${this.#asked[kind]}`);
      }
      case "abstain":
        return this.#line(`${event.agentId} abstains.`);
      case "turn-finish":
        return event.outcome === "abstain" ? this.#line(`${event.agentId} abstains.`) : "";
      case "agent-out":
        return this.#line(`${event.agentId} is out (${event.reason}).`);
      case "consensus":
        if (event.rule === "single") return "";
        return this.#line(`${WHY[event.reason]} ${event.winner}'s answer ${event.label} is chosen.`);
      case "run-restart":
        return this.#line(`${event.reviewer} sends it back: ${event.feedback}`);
      default:
        return "";
    }
  }

  #answered({ turnId, agentId, label, content, lacking }: EventOfType<"answer">): string {
    const better = lacking === undefined || lacking.trim() === "" ? "" : `; what was lacking: ${lacking.trim().replace(/\s+/g, " ")}`;
    const draft = this.#drafts.get(turnId);
    this.#drafts.delete(turnId);
    if (this.#speaker === turnId) return this.#stopSpeaking(`(${agentId}'s answer ${label}${better})`);
    return this.#line(`${agentId} writes (answer ${label}${better}):\n${draft?.unread || content}`);
  }

  #dropped(turnId: string, ending: string): string {
    this.#drafts.delete(turnId);
    return this.#speaker === turnId ? this.#stopSpeaking(ending) : "";
  }

  /** An agent that reads twenty files says so once. */
  #use(text: string): string {
    return text === this.#last ? "" : this.#line(text);
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
    const paragraph = this.#last === undefined ? text : `\n\n${text}`;
    this.#last = text;
    if (this.#speaker === undefined) return paragraph;
    this.#held += paragraph;
    return "";
  }
}
