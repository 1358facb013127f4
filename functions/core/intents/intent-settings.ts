/** What the operator says of intents, of the servers and hosts that they reach, and of the folders that they read. */

import * as z from 'zod';
import { isWholeMicros } from '../budgets/money.ts';

/** Text that names an intent: words with dots between them. */
export const intentName = z
  .string()
  .max(56)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/,
    'is words of letters, digits, hyphens and underscores, with dots between',
  );

/** What an intent is run by, and on what terms. */
export const intentTerms = {
  /** `flow`: the address of a webhook. `mcp`: `<server>/<tool>`. */
  target: z.string().min(1).max(2_048),
  timeLimitSeconds: z.number().positive().max(540).default(540),
  priceCents: z
    .number()
    .min(0)
    .max(1_000_000_000)
    .refine(isWholeMicros, 'has a fraction below a micro-dollar (0.0001 cents)')
    .default(0),
  concurrency: z.int().min(1).max(10_000).optional(),
  dangerous: z.boolean().default(false),
};

/** An intent of the operator's. */
export const intentRow = z
  .strictObject({ name: intentName, mode: z.enum(['flow', 'mcp']), ...intentTerms })
  .refine(({ mode, target }) => mode === 'mcp' || /^https?:$/.test(URL.parse(target)?.protocol ?? ''), {
    path: ['target'],
    message: 'is no http or https address',
  });

/** An MCP server: a command that speaks over its input and output, or an address of its streamable HTTP. */
export const mcpServerRow = z.union([
  z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/),
    command: z.string().min(1),
    args: z.array(z.string()).default([]),
    /** The process gets these and nothing else. The command is looked up in their PATH, or where there is none in that of ours. */
    env: z.record(z.string(), z.string()).default({}),
  }),
  z.strictObject({ name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), url: z.url({ protocol: /^https?$/ }) }),
]);

/** The kinds of host keys, and the Base64 of a key: its first field is the kind once more, behind its length. */
const HOST_KEY = /^(ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) ([A-Za-z0-9+/]{50,1500}={0,2})(?: .*)?$/;

function isHostKey(text: string): boolean {
  const [, kind = '', encoded = ''] = HOST_KEY.exec(text) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  return kind !== '' && bytes.readUInt32BE() === kind.length && bytes.toString('latin1', 4, 4 + kind.length) === kind;
}

/** A host that commands may run on. Its key is the line of a `known_hosts` file without the name: `ssh-ed25519 AAAA…`. */
export const sshHostRow = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, 'is letters, digits, dots and hyphens'),
  /** A public one or one of a private network; on loopback only with `allowLoopback`. */
  address: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535).default(22),
  user: z.string().min(1).max(64),
  hostKey: z
    .string()
    .max(2_000)
    .refine(isHostKey, 'is no host key: give "ssh-ed25519 AAAA…", as ssh-keyscan shows it behind the name'),
  /** Which private key logs in: its name in the secret `ssh-keys`, a JSON object of OpenSSH or PEM keys without a passphrase. */
  keySecret: z.string().min(1).max(200),
  /** The first words of the commands that `ssh.exec` may run, as they are. Without any the host is only looked at (`ssh.exec.peek`). */
  commands: z.array(z.string().min(1).max(100)).max(200).default([]),
});
