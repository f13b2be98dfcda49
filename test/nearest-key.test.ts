import { expect, test } from "vitest";
import { nearest } from "../src/nearest-key.js";

test.each([
  ["modle", "model"],
  ["base_url", "baseUrl"],
  ["BASEURL", "baseUrl"],
  ["temprature", "temperature"],
  ["xyz", undefined],
  ["", undefined],
])("%j → %j", (key, meant) => {
  expect(nearest(key, ["model", "baseUrl", "temperature", "type"])).toBe(meant);
});
