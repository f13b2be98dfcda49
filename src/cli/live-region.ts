import { displayWidth, truncate } from "./text.js";

/** The part of a terminal that a region needs. */
export interface Screen {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

/** Lines at the bottom of the screen that are painted again in place, while other text scrolls by above them. */
export interface LiveRegion {
  /** Shows these lines instead of the ones before. Lines too wide or too many for the screen are cut. */
  paint(lines: readonly string[]): void;
  /** Puts text above the region, to stay. */
  print(text: string): void;
  /** Takes the region away and gives the cursor back. */
  close(): void;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
// Terminals that know these show a frame at once; others ignore them.
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

export function liveRegion(screen: Screen): LiveRegion {
  let shown: string[] = [];
  let hidden = false;

  /** To the first column of the region's first row: a narrower screen has broken its lines into more rows. */
  function toTop(): string {
    const columns = width();
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / columns)), 0);
    return rows > 1 ? `\r\x1b[${rows - 1}A` : "\r";
  }

  const width = () => Math.max(2, screen.columns ?? 80);

  return {
    paint(lines) {
      const most = Math.max(1, (screen.rows ?? 24) - 1);
      const kept = lines.length > most ? lines.slice(lines.length - most) : lines;
      // The last column stays free: a cursor that waits there behaves differently from terminal to terminal.
      const next = kept.map((line) => truncate(line, width() - 1));
      if (next.join("\n") === shown.join("\n")) return;
      const frame = next.map((line) => `${line}\x1b[K`).join("\n");
      screen.write(`${BEGIN}${hidden ? "" : HIDE_CURSOR}${toTop()}${frame}\x1b[J${END}`);
      hidden = true;
      shown = [...next];
    },
    print(text) {
      const frame = shown.map((line) => `${line}\x1b[K`).join("\n");
      screen.write(`${BEGIN}${toTop()}\x1b[J${text}\n${frame}${END}`);
    },
    close() {
      const cleared = shown.length > 0 ? `${toTop()}\x1b[J` : "";
      if (cleared !== "" || hidden) screen.write(`${cleared}${hidden ? SHOW_CURSOR : ""}`);
      shown = [];
      hidden = false;
    },
  };
}
