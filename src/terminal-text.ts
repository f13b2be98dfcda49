const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f/u;
const BLANK = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours this program itself puts into its lines
const COLOUR = /(\x1b\[[\d;]*m)/g;

function widthOf(grapheme: string): number {
  if (BLANK.test(grapheme)) return 0;
  return WIDE.test(grapheme) || EMOJI.test(grapheme) ? 2 : 1;
}

/** Columns a line takes on a terminal; colours take none. */
export function displayWidth(line: string): number {
  const text = line.replace(COLOUR, "");
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOf(segment);
  return width;
}

/** The beginning of a line that fits into `width` columns, with `…` where something was cut off. Colours survive. */
export function truncate(line: string, width: number): string {
  if (displayWidth(line) <= width) return line;
  if (width < 1) return "";
  let cut = "";
  let used = 0;
  let coloured = false;
  for (const [index, piece] of line.split(COLOUR).entries()) {
    if (index % 2 === 1) {
      cut += piece;
      coloured = true;
      continue;
    }
    for (const { segment } of graphemes.segment(piece)) {
      const width1 = widthOf(segment);
      if (used + width1 > width - 1) return `${cut}…${coloured ? "\x1b[0m" : ""}`;
      cut += segment;
      used += width1;
    }
  }
  return cut;
}

/** Exactly `width` columns: cut or filled up with spaces. */
export function padded(line: string, width: number): string {
  const cut = truncate(line, width);
  return cut + " ".repeat(Math.max(0, width - displayWidth(cut)));
}

/** Breaks a line at spaces so that it fits; what follows the first line is indented. */
export function wrap(line: string, width: number, indent: string): string {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (current !== "" && displayWidth(longer) > width) {
      lines.push(current);
      current = indent + word;
    } else current = longer;
  }
  return [...lines, current].join("\n");
}

/** Breaks text at spaces while it streams in. Code between ``` lines stays as it is. */
export function streamWrapper(columns: () => number): { push(delta: string): string; end(): string } {
  let line = "";
  let word = "";
  let code = false;

  function place(): string {
    if (word === "") return "";
    const fits = code || line.trim() === "" || displayWidth(line + word) < columns();
    const text = fits ? word : `\n${word.trimStart()}`;
    line = fits ? line + word : word.trimStart();
    word = "";
    return text;
  }

  return {
    push(delta) {
      let out = "";
      for (const char of delta) {
        // A word begins with the space before it.
        if (char === " " || char === "\n") out += place();
        if (char !== "\n") {
          word += char;
          continue;
        }
        if (line.trimStart().startsWith("```")) code = !code;
        line = "";
        out += char;
      }
      return out;
    },
    end: place,
  };
}

/** A model's words, without the control characters that could take over the terminal. */
export function harmless(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, "");
}

/** The same on one line. */
export function oneLine(text: string): string {
  return harmless(text).replace(/\s+/g, " ").trim();
}

/** The beginning of a text on one line of at most `width` columns. However long the text is, only its beginning is looked at. */
export function preview(text: string, width: number): string {
  return truncate(oneLine(text.slice(0, 10 * width)), width);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/** e.g. `9.4 s`, `2 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** US dollars, e.g. `$0.018`, `$3.20`; of a lower bound, `≥ $0.018`. Nothing where nothing is known. */
export function dollars({ usd, complete }: { usd: number | null; complete: boolean }): string {
  if (usd === null) return "";
  const digits = usd >= 1 ? 2 : usd >= 0.01 ? 3 : 4;
  const unit = 10 ** digits;
  // Rounded down, a lower bound stays one.
  const shown = complete ? Math.round(usd * unit) / unit : Math.floor(usd * unit) / unit;
  if (shown > 0) return `${complete ? "" : "≥ "}$${shown.toFixed(digits)}`;
  if (!complete) return "";
  return usd === 0 ? "$0" : "< $0.0001";
}
