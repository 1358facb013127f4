/** The running instances of the functions: made when they are called, ended by crashes, and made again. */

import { type InProcessReply, requestInProcess } from '../../emulator-bridge/in-process-request.ts';
import { folderTrees } from '../../functions/adapters/folder-tree.ts';
import { hostFiles } from '../../functions/adapters/host-files.ts';
import { noMcp } from '../../functions/adapters/lazy-mcp.ts';
import { lazySsh } from '../../functions/adapters/lazy-ssh.ts';
import { accountEmail } from '../../functions/core/addresses.ts';
import { agentRegistry } from '../../functions/core/registry/agents.ts';
import type { Room, Runtime } from '../../functions/core/runtime.ts';
import { rooms } from '../../functions/rooms.ts';
import { topology } from '../../functions/topology.ts';
import { takeBackups } from './backup-takers.ts';
import type { Broker } from './broker.ts';
import type { Answer, Call, Network } from './network.ts';
import { portsOf } from './ports.ts';
import { latency, type World } from './world.ts';

export interface Instance {
  readonly name: string;
  /** For the story. */
  readonly label: string;
  readonly skewMs: number;
  isAlive: boolean;
  /** Ends it as a crash does: nothing of it goes on, and its callers are cut off. */
  crash(when: string): void;
}

export interface Instances {
  /** Has some instance of a function answer; without an answer its connection was cut. */
  invoke(name: string, call: Call, answered: (answer: Answer | undefined) => void): void;
}

export function instancesOf(world: World, broker: Broker, network: Network): Instances {
  const slots = new Map<string, Running>();
  const agents = agentRegistry(world.settings);
  let made = 0;

  return {
    invoke(name, call, answered) {
      const slot = `${name} ${world.chance.below(topology.functions[name]?.concurrency === 1 ? 1 : world.instances)}`;
      let running = slots.get(slot);
      if (running === undefined || !running.instance.isAlive) {
        running = start(name);
        slots.set(slot, running);
      }
      running.answer(call, answered);
    },
  };

  function start(name: string): Running {
    made += 1;
    const cut = new Set<() => void>();
    const instance: Instance = {
      name,
      label: `${name}#${made}`,
      skewMs: world.skewMs === 0 ? 0 : world.chance.between(-world.skewMs, world.skewMs),
      isAlive: true,
      crash(when) {
        if (!instance.isAlive) return;
        instance.isAlive = false;
        world.story.tell(instance.label, () => `crashes ${when}`);
        for (const cutOff of cut) world.schedule.after(latency(world), cutOff);
        cut.clear();
      },
    };
    const runtime: Runtime = {
      ...portsOf(world, instance, broker, network),
      name,
      version: 'simulated',
      settings: world.settings,
      signing: world.signing,
      tokenKeys: world.tokens.keys,
      agents,
      // Agents are not registered here.
      subscriptions: { ensure: async () => {}, remove: async () => {} },
      trees: folderTrees({ roots: [], state: '' }),
      files: hostFiles({ roots: [], hidden: [] }),
      mcp: noMcp(name),
      ssh: lazySsh({ allowLoopback: false }),
      identity: {
        idToken: async (audience) => world.tokens.token(accountEmail(world.settings, name), audience, world.schedule.now()),
      },
    };
    const room = name === 'backups' ? takeBackups(runtime, world) : (rooms[name] as (runtime: Runtime) => Room)(runtime);
    return {
      instance,
      answer(call, answered) {
        let isOver = false;
        const over = (answer: Answer | undefined) => {
          if (isOver) return;
          isOver = true;
          cut.delete(cutOff);
          answered(answer);
        };
        const cutOff = () => over(undefined);
        cut.add(cutOff);
        requestInProcess(room, { ...call, headers: { 'content-type': 'application/json', ...call.headers } }, (reply) => {
          if (instance.isAlive) over(reply && answerOf(reply));
        });
      },
    };
  }
}

interface Running {
  readonly instance: Instance;
  answer(call: Call, answered: (answer: Answer | undefined) => void): void;
}

const answerOf = ({ status, headers, body }: InProcessReply): Answer => ({
  status,
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  body: body.toString(),
});
