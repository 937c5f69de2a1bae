// An app that asks flags through OpenFeature's SDK: `node app.mjs server|web`. Each line of its input is an order in JSON,
// each line of its output the answer.
import { createInterface } from "node:readline";

const web = process.argv[2] === "web";
const { OpenFeature, ProviderEvents } = await import(`@openfeature/${web ? "web" : "server"}-sdk`);
const provider = await import(`@openfeature/${web ? "ofrep-web" : "ofrep"}-provider`);
const Provider = web ? provider.OFREPWebProvider : provider.OFREPProvider;

const changes = [];
const waiting = [];
const client = OpenFeature.getClient();
client.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) => {
  const next = waiting.shift();
  if (next) next(flagsChanged);
  else changes.push(flagsChanged);
});

const orders = {
  async provide({ url, key, every }) {
    const options = { baseUrl: url, headers: [["Authorization", `Bearer ${key}`]], pollInterval: every };
    try {
      await OpenFeature.setProviderAndWait(new Provider(options));
    } catch (error) {
      return { status: client.providerStatus, code: error.code };
    }
    return { status: client.providerStatus };
  },
  async context({ context }) {
    await OpenFeature.setContext(context);
    return {};
  },
  async ask({ kind, flag, preset }) {
    const ask = { boolean: "getBooleanDetails", string: "getStringDetails", number: "getNumberDetails", object: "getObjectDetails" };
    const { value, variant, reason, errorCode, flagMetadata } = await client[ask[kind]](flag, preset);
    return { value, variant, reason, errorCode, flagMetadata };
  },
  async changed() {
    return { flags: changes.length ? changes.shift() : await new Promise((resolve) => waiting.push(resolve)) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  console.log(JSON.stringify(await orders[order.order](order)));
}
await OpenFeature.close();
process.exit(0);
