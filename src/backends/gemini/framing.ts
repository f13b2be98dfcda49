/**
 * Cuts a JSON array of objects, or a single object, into its objects as the text arrives: what `streamGenerateContent` sends where
 * `alt=sse` is not read, and what a proxy makes of it.
 */
export class JsonEvents {
  private text = "";
  /** Where the object being read begins; -1 between objects. */
  private start = -1;
  private at = 0;
  private depth = 0;
  private inString = false;
  private escaped = false;

  /** The objects that this piece completes. */
  push(piece: string): string[] {
    this.text += piece;
    const done: string[] = [];
    for (; this.at < this.text.length; this.at++) {
      const char = this.text.charCodeAt(this.at);
      if (this.inString) {
        if (this.escaped) this.escaped = false;
        else if (char === 0x5c) this.escaped = true;
        else if (char === 0x22) this.inString = false;
      } else if (char === 0x22) this.inString = true;
      else if (char === 0x7b) {
        if (this.depth++ === 0) this.start = this.at;
      } else if (char === 0x7d && this.depth > 0 && --this.depth === 0) {
        done.push(this.text.slice(this.start, this.at + 1));
        this.text = this.text.slice(this.at + 1);
        this.at = -1;
        this.start = -1;
      }
    }
    if (this.start === -1) {
      this.text = "";
      this.at = 0;
    }
    return done;
  }

  /** What was begun and not completed is not an event. */
  rest(): string[] {
    return [];
  }
}

/** Cuts a stream of events of any shape (names, comments, ids, data over several lines) into their data. */
export class SseEvents {
  private text = "";
  private data: string[] = [];

  /** The data of the events that this piece completes. */
  push(piece: string): string[] {
    const lines = (this.text + piece).split(/\r\n|\n|\r(?!$)/);
    this.text = lines.pop()!;
    const done: string[] = [];
    for (const line of lines) {
      if (line.startsWith("data:")) this.data.push(line.slice(5));
      else if (line === "" && this.data.length > 0) done.push(this.take());
    }
    return done;
  }

  /** The data of a last event that lacks its blank line, where it is whole. */
  rest(): string[] {
    if (this.text.startsWith("data:")) this.data.push(this.text.slice(5));
    const last = this.take();
    try {
      JSON.parse(last);
      return [last];
    } catch {
      return [];
    }
  }

  private take(): string {
    const data = this.data.join("\n");
    this.data = [];
    return data;
  }
}
