// An OpenID provider for tests: node-oidc-provider with two clients, whose signing keys are changed by words on standard input.
//
// Its own words begin with "> ". It prints its address once it listens. "publish KID" adds a key that does not sign yet, "sign KID" makes that one sign,
// "withdraw KID" takes it away; each is answered by the same words. Access tokens are JWTs for the audience "vecgate".

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const SECRET = "a-secret-of-tests";
const RESOURCE = "https://vecgate.test";

const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const newKey = (kid) => ({
  ...generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" }),
  kid,
  use: "sig",
  alg: "ES256",
});

let keys = [newKey("k0")];
let answer = provider();

function provider() {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: "laptop",
        client_secret: SECRET,
        grant_types: ["authorization_code"],
        redirect_uris: ["http://127.0.0.1:1/callback"],
        id_token_signed_response_alg: "ES256",
      },
      {
        client_id: "ingest",
        client_secret: SECRET,
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    cookies: { keys: ["a-cookie-key-of-tests"] },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "search",
          audience: "vecgate",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (_, token) =>
      token.kind === "ClientCredentials"
        ? { realm_access: { roles: ["admin"] } }
        : { email: `${token.accountId}@corp.test`, realm_access: { roles: ["reader"] } },
    pkce: { required: () => true },
  }).callback();
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const [word, kid] = line.split(" ");
  if (word === "publish") keys = [...keys, newKey(kid)];
  if (word === "sign") keys = [...keys.filter((key) => key.kid === kid), ...keys.filter((key) => key.kid !== kid)];
  if (word === "withdraw") keys = keys.filter((key) => key.kid !== kid);
  answer = provider();
  console.log(`> ${line}`);
});
process.stdin.on("end", () => process.exit(0));
console.log(`> ${issuer}`);
