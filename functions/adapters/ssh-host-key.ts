import type { Algorithms, ServerHostKeyAlgorithm } from 'ssh2';

export interface HostKey {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Takes `ssh-ed25519 AAAA…` apart; a comment behind it does not matter. */
export function parseHostKey(text: string): HostKey {
  const [type = '', encoded = ''] = text.trim().split(/\s+/);
  return { type, bytes: Buffer.from(encoded, 'base64') };
}

/** What a connection may agree on: the kind of the host's key alone, nothing with SHA-1 or CBC, no compression. */
export function algorithmsFor({ type }: HostKey): Algorithms {
  const kinds = type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];
  return {
    serverHostKey: kinds as ServerHostKeyAlgorithm[],
    kex: [
      ...(['curve25519-sha256', 'curve25519-sha256@libssh.org'] as const),
      ...(['ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521'] as const),
      ...(['diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512', 'diffie-hellman-group14-sha256'] as const),
    ],
    cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com', 'aes256-ctr', 'aes192-ctr', 'aes128-ctr'],
    hmac: ['hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512', 'hmac-sha2-256'],
    compress: ['none'],
  };
}
