import type { Ssh } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';

/** Remote commands, loaded with the first: few functions ever run one. */
export function lazySsh({ allowLoopback }: Pick<Settings, 'allowLoopback'>): Ssh {
  let loaded: Promise<Ssh> | undefined;
  return {
    async run(request) {
      loaded ??= import('./ssh.ts').then(({ sshClient }) => sshClient({ allowLoopback }));
      return (await loaded).run(request);
    },
  };
}
