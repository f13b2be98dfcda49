// `node --import` this: every module that is loaded afterwards is written to the file TRACE_FILE.
import * as module from "node:module";
import * as hooks from "./trace-hooks.mjs";

if (module.registerHooks) module.registerHooks(hooks);
else module.register("./trace-hooks.mjs", import.meta.url); // before Node 22.15
