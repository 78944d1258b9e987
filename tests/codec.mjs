// Runs the TS013 codec as a network server does: alone in a context of its own, a call at a time.
// stdin: { path, calls: [[function, input], ...], ccm: [[key, nonce, clear, sealed], ...] }, all
// bytes in hex; stdout: { es5, results, bodies }.
import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";

const asked = JSON.parse(readFileSync(0, "utf8"));
const source = readFileSync(asked.path, "utf8");
let es5 = "";
try {
  const acorn = createRequire(import.meta.url)("internal/deps/acorn/acorn/dist/acorn");
  acorn.parse(source, { ecmaVersion: 5, sourceType: "script" });
} catch (error) {
  es5 = String(error.message);
}
const context = createContext({});
runInContext(source, context);
const results = asked.calls.map(([name, input]) =>
  JSON.parse(runInContext(`JSON.stringify(${name}(${JSON.stringify(input)}))`, context)),
);
const bytes = (hex) => Buffer.from(hex, "hex");
const bodies = asked.ccm.map(([key, nonce, clear, sealed]) => {
  const cipher = createDecipheriv("aes-128-ccm", bytes(key), bytes(nonce), { authTagLength: 8 });
  cipher.setAuthTag(bytes(sealed).subarray(-8));
  const body = bytes(sealed).subarray(0, -8);
  cipher.setAAD(bytes(clear), { plaintextLength: body.length });
  const opened = cipher.update(body);
  cipher.final();
  return opened.toString("hex");
});
process.stdout.write(JSON.stringify({ es5, results, bodies }));
