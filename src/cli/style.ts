/** How parts of a line are set apart. Without colour every one gives its text back as it is. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  /** In the colour of the agent at this index. */
  agent(index: number, text: string): string;
}

/** Cyan, magenta, yellow, blue, green, and their bright forms: readable on dark and on light. */
const AGENT_COLOURS = [36, 35, 33, 34, 32, 96, 95, 93, 94, 92];

export function makeStyle(colour: boolean): Style {
  const sgr = (code: number, end: number) => (text: string) => (colour && text !== "" ? `\x1b[${code}m${text}\x1b[${end}m` : text);
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    good: sgr(32, 39),
    bad: sgr(31, 39),
    agent: (index, text) => sgr(AGENT_COLOURS[index % AGENT_COLOURS.length]!, 39)(text),
  };
}
