import { describe, expect, it } from "vitest";
import { liveRegion } from "../../src/cli/live-region.js";

function screen(columns = 20, rows = 10) {
  const writes: string[] = [];
  return { columns, rows, writes, write: (text: string) => writes.push(text) };
}

describe("a live region", () => {
  it("hides the cursor once, and gives it back", () => {
    const out = screen();
    const region = liveRegion(out);
    region.paint(["one"]);
    region.paint(["two"]);
    region.close();
    expect(out.writes.join("").split("\u001b[?25l")).toHaveLength(2);
    expect(out.writes.at(-1)!.endsWith("\u001b[?25h")).toBe(true);
    region.close();
    expect(out.writes.join("").split("\u001b[?25h")).toHaveLength(2);
  });

  it("writes nothing when nothing has changed, and each frame at once", () => {
    const out = screen();
    const region = liveRegion(out);
    region.paint(["one", "two"]);
    region.paint(["one", "two"]);
    expect(out.writes).toHaveLength(1);
    region.print("above");
    expect(out.writes).toHaveLength(2);
  });

  it("cuts lines to the width, and keeps the last ones when there are too many", () => {
    const out = screen(10, 4);
    liveRegion(out).paint(["first", "second", "a very long third line", "fourth"]);
    expect(out.writes[0]).not.toContain("first");
    expect(out.writes[0]).toContain("a very l…");
  });

  it("goes back over the rows that a narrower screen has made of its lines", () => {
    const out = screen(20);
    const region = liveRegion(out);
    region.paint(["x".repeat(18), "y"]);
    out.columns = 10;
    region.paint(["z"]);
    expect(out.writes[1]).toContain("\r\u001b[2A");
  });
});
