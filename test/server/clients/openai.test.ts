import OpenAI from "openai";
import { openaiSdkTests } from "./openai-sdk.js";

openaiSdkTests(OpenAI);
