// Prints the section of CHANGELOG.md about one version, as release notes. `node scripts/changelog-section.mjs 0.1.0`
import { readFileSync } from "node:fs";

const version = process.argv[2];
const sections = readFileSync("CHANGELOG.md", "utf8").split(/^## /m).slice(1);
const section = sections.find((text) => text.startsWith(`[${version}]`));
if (!section) {
  console.error(`CHANGELOG.md has no section "## [${version}]": rename "Unreleased" and commit before tagging.`);
  process.exit(1);
}
const body = section.slice(section.indexOf("\n")).replace(/^\[[^\]]+\]: .*$/gm, "");
console.log(body.trim());
