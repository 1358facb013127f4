/**
 * In the place of Terraform, where a test is about what is asked of it: the provider's plugin cannot be had without its registry.
 * It writes down each command, and its state has everything that the stack names, once that was applied.
 */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface StandIn {
  /** The folder to put on the path. */
  readonly bin: string;
  /** The commands so far, without the folder and its flags. */
  commands(): readonly string[];
  /** The flags of every run of a command. */
  flags(command: string): readonly (readonly string[])[];
  /** The addresses in its state. */
  state(): readonly string[];
  /** Makes the next run of a command end with this code. */
  fail(command: string, code: number): void;
}

export function terraformStandIn(folder: string): StandIn {
  const bin = join(folder, 'bin');
  const files = { log: join(folder, 'commands'), state: join(folder, 'state.json'), fail: join(folder, 'fail.json') };
  mkdirSync(bin);
  const program = join(bin, 'terraform');
  writeFileSync(program, `#!${process.execPath}\n${source(files)}`);
  chmodSync(program, 0o755);
  const lines = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);
  const runs = () => lines(files.log).map((line) => JSON.parse(line) as { name: string; rest: string[] });
  return {
    bin,
    commands: () => runs().map(({ name }) => name),
    flags: (command) => runs().flatMap(({ name, rest }) => (name === command ? [rest.filter((word) => word.startsWith('-'))] : [])),
    state: () => (existsSync(files.state) ? JSON.parse(readFileSync(files.state, 'utf8')) : []),
    fail: (command, code) => writeFileSync(files.fail, JSON.stringify({ command, code })),
  };
}

const source = (files: { log: string; state: string; fail: string }) => `
const fs = require('node:fs');
const files = ${JSON.stringify(files)};
const [folder, ...rest] = process.argv.slice(2);
if (folder === 'version') {
  console.log(JSON.stringify({ terraform_version: '1.11.4' }));
  process.exit();
}
const at = folder.replace('-chdir=', '');
const read = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined);
const words = rest.filter((word) => !word.startsWith('-') && !word.includes('.'));
const name = words.join(' ');
fs.appendFileSync(files.log, JSON.stringify({ name, rest }) + '\\n');
const failing = read(files.fail);
if (failing && failing.command === name) {
  fs.rmSync(files.fail);
  console.error('Error: as the test wants it');
  process.exit(failing.code);
}
const stack = read(at + '/cdk.tf.json');
const wanted = Object.entries(stack.resource).flatMap(([type, blocks]) =>
  Object.entries(blocks).map(([key, block]) => type + '.' + key + ('count' in block ? '[0]' : '')),
);
const state = read(files.state);
const write = (addresses) => fs.writeFileSync(files.state, JSON.stringify(addresses));
if (name === 'state list') {
  if (state) console.log(state.join('\\n'));
  else {
    console.error('No state file was found!');
    process.exitCode = 1;
  }
}
if (name === 'state rm') write(state.filter((address) => !rest.includes(address)));
if (name === 'plan') {
  const imports = (read(at + '/kept.tf.json')?.import ?? []).map(({ to }) => to);
  console.log('Plan: ' + imports.length + ' to import, ' + Object.keys(read(at + '/archives.auto.tfvars.json').archives).length + ' archives');
  process.exitCode = (state ?? []).length === wanted.length ? 0 : 2;
}
if (name === 'apply') write(wanted);
if (name === 'destroy') write([]);
if (name === 'output') console.log('{}');
`;
