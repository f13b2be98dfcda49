import OpenAI from "openai";
import { openaiSdkTests } from "../server/clients/openai-sdk.js";

openaiSdkTests(OpenAI as never);
