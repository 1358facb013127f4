/** The corpus of addresses that must never be connected to, in every notation that some parser somewhere takes for one. */

/** Addresses that are not public, in the one canonical notation: loopback, private, link-local, shared, special, carried in IPv6. */
export const NON_PUBLIC_ADDRESSES: readonly string[] = [
  ...words('127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.0.0.1 0.255.255.255'),
  ...words('10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255'),
  ...words('169.254.169.254 169.254.170.2 169.254.0.1 169.254.255.255 100.64.0.1 100.100.100.200 100.127.255.255'),
  ...words('192.0.0.1 192.0.0.8 192.0.0.192 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1'),
  ...words('192.88.99.1 192.31.196.1 192.52.193.1 192.175.48.1 168.63.129.16'),
  ...words('224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255'),
  ...words('::1 :: ::2 fe80::1 febf::1 fec0::1 fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 ff02::1 ff0e::1'),
  ...words('::ffff:7f00:1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1 ::7f00:1 ::127.0.0.1'),
  ...words('64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::808:808 64:ff9b:1::7f00:1 2002:7f00:1:: 2002:a9fe:a9fe:: 2002:808:808::'),
  ...words('2001::1 2001:0:7f00:1:: 2001:0:ce49:7601:e866:efff:62c3:fffe 2001:db8::1 3fff::1 2001:10::1 2001:20::1 2001:2::1'),
  ...words('100::1 100:0:0:1::1 5f00::1 4000::1 8000::1 e000::1 400::1 2620:4f:8000::1 1::1 200::1'),
  ...words('fe80::1%lo ::1%lo 2606:4700:4700::1111%lo'),
];

/** Addresses that may be connected to: without these, refusing everything would pass. */
export const PUBLIC_ADDRESSES: readonly string[] = [
  ...words('1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1'),
  ...words('169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 223.255.255.254'),
  ...words('2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001::1 2600::1 2003::1'),
];

const SPELLED_HOSTS: readonly string[] = [
  // Loopback as decimal, octal, hexadecimal, short, mixed, overflowing.
  ...words('2130706433 0177.0.0.1 017700000001 0x7f.0.0.1 0x7f000001 0x7F000001 127.1 127.0.1 127.0x1 0177.1'),
  ...words('127.000.000.001 0127.0.0.1 00000000177.0.0.1 127.0.0.01 0x7f.0x0.0x0.0x1 0x7f.1 127.65537 4294967295 4294967297'),
  ...words('127.0.0.1. 127.0.0.1.. .127.0.0.1 127..0.0.1 0 0. 0x0 00 127.0.0.256 256.0.0.1 127.0.0.1.0 1'),
  // The metadata server likewise.
  ...words('2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 0251.0376.0251.0376 169.254.43518 169.16689662 0251.254.169.254'),
  ...words(
    '0000251.0000376.0000251.0000376 169.254.169.254. [::ffff:169.254.169.254] [::169.254.169.254] [0:0:0:0:0:ffff:a9fe:a9fe]',
  ),
  // IPv6 in its many forms; zone ids.
  ...words('[0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [0::1] [::1%lo] [::1%25lo] [fe80::1%25eth0]'),
  ...words(
    '[::FFFF:127.0.0.1] [::ffff:127.1] [::ffff:0177.0.0.1] [::127.0.0.1] [64:ff9b::127.0.0.1] [2606:4700:4700:0::1111] ::1 [::1 [v1.x]',
  ),
  // Percent-encoding, full-width and enclosed digits, other dots, soft hyphens, joiners.
  ...words('%31%32%37.0.0.1 127%2e0%2e0%2e1 127.0.0.1%00 127.0.0.1%09 %6c%6f%63alhost localhost%00.example.com 127.0.0.1%2523'),
  ...[
    '１２７.０.０.１',
    '①②⑦.⓪.⓪.①',
    '127。0。0。1',
    '127．0．0．1',
    '127｡0｡0｡1',
    'ⓛocalhost',
    'loc\u00adalhost',
    'local\u200dhost',
    'ｌｏｃａｌｈｏｓｔ',
  ],
  ...['⓪ｘ７ｆ.１', '𝟏𝟐𝟕.𝟎.𝟎.𝟏', '[::１]', '٣٢.٠.٠.١', 'lOcAlHoSt.', 'localhost.', '127.0.0.1\u2028', 'metadata。google。internal'],
  // User information in front of something else.
  ...words(
    'example.com@127.0.0.1 127.0.0.1@example.com user:pass@example.com @127.0.0.1 :@127.0.0.1 example.com%40127.0.0.1 a@b@127.0.0.1',
  ),
  // Confused separators.
  ...['example.com\\@127.0.0.1', '127.0.0.1\\.example.com', '127.0.0.1 .example.com', '127.0.0.1\t', '127.0.0.1\r\nHost: x'],
  // Metadata servers by name.
  ...words('metadata.google.internal METADATA.google.internal metadata.google.internal. x.metadata.google.internal metadata.goog'),
];

const WHOLE_URLS: readonly string[] = [
  ...words(
    'http://example.com/ http://example.com:443/ http://example.com:8443/ ftp://example.com/ file:///etc/passwd gopher://127.0.0.1:70/_ data:text/plain,x ws://example.com/',
  ),
  ...words(
    'javascript:alert(1) dict://127.0.0.1:11211/ unix:/run/docker.sock jar:https://127.0.0.1!/ //127.0.0.1/ / https:// https:///',
  ),
  '',
  ...[
    'https:127.0.0.1',
    'https:/127.0.0.1',
    'https:\\\\127.0.0.1',
    'https:/\\127.0.0.1',
    ' https://example.com',
    'https://example.com ',
    'https://example.com/\n',
  ],
  ...[
    '\thttps://example.com',
    'ht\ntps://example.com',
    'https\t://example.com',
    'url:https://example.com',
    'https://example.com/\u0000',
    'https://exa mple.com/',
  ],
  ...words(
    'https://example.com:22/ https://example.com:80/ https://example.com:0/ https://example.com:65536/ https://example.com:8080/',
  ),
  ...words(
    'https://example.com:08443/ https://example.com:/ https://example.com:443:443/ https://example.com:-1/ https://example.com:443@127.0.0.1/',
  ),
  ...words(
    'https://-example.com/ https://example..com/ https://.example.com/ https://exämple.com/ https://example.com/ä HTTPS://user@example.com/',
  ),
  `https://example.com/${'x'.repeat(2048)}`,
];

/** URLs that must be refused for a user whatever a resolver says, with `port` in those that could reach a listener of ours. */
export function badUrls(port: number): string[] {
  const literal = NON_PUBLIC_ADDRESSES.map((address) => (address.includes(':') ? `[${address}]` : address));
  return [
    ...[...literal, ...SPELLED_HOSTS].flatMap((host) => [`https://${host}:${port}/`, `http://${host}:${port}/`]),
    ...WHOLE_URLS,
  ];
}

/** Names that an attacker controls, or that resolve like theirs. */
export const BAD_NAMES: readonly string[] = [
  ...words('127.0.0.1.nip.io 127-0-0-1.sslip.io localtest.me lvh.me a9fea9fe.nip.io spoofed.example.com localhost sub.localhost'),
  ...words(
    'localhost.localdomain ip6-localhost host.docker.internal kubernetes.default.svc metadata instance-data xn--80ak6aa92e.com',
  ),
];

function words(text: string): string[] {
  return text.split(' ');
}
