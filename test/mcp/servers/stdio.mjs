// @ts-nocheck
// `node stdio.mjs [modern]`: the test tools over standard input and output; `modern`: only in the newest protocol.
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { testServer } from "./tools.mjs";

serveStdio(testServer, { legacy: process.argv[2] === "modern" ? "reject" : "serve" });
